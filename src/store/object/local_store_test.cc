// What only a store on disk can show: restarts, crashes, damage, a full disk.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "base/failpoint.h"
#include "base/testing/status_matchers.h"
#include "store/object/file_contents.h"
#include "store/object/local_files.h"
#include "store/object/object_store.h"
#include "store/object/sqlite_database.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LocalStore : public ::testing::Test {
 protected:
  std::string Folder() const { return folder_.path() + "/objects"; }

  Status Open() {
    store_.reset();
    LocalObjectStoreOptions options;
    options.directory = Folder();
    options.segment_bytes = segment_bytes_;
    ASSIGN_OR_RETURN(store_, OpenLocalObjectStore(options));
    return OkStatus();
  }

  void MakeBucket() {
    Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    ASSERT_THAT(store_->CreateBucket(bucket), IsOk());
  }

  Result<Object> Put(const std::string& name, std::string_view bytes) {
    return PutWhole(store_.get(), name, bytes);
  }

  std::string Get(const std::string& name) {
    Result<OpenedObject> opened = store_->OpenObject("bucket", name);
    return opened.ok() ? ReadAll(*opened) : std::string(CodeName(opened.status().code()));
  }

  void ExpectClean() {
    ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
    EXPECT_THAT(report.problems, IsEmpty());
  }

  // Every file below `what`, with its path.
  std::vector<std::string> Files(const std::string& what) const {
    std::vector<std::string> out;
    Collect(Folder() + "/" + what, &out);
    return out;
  }

  static void FlipByte(const std::string& path, off_t at) {
    const UniqueFd fd(open(path.c_str(), O_RDWR | O_CLOEXEC));
    char byte = 0;
    ASSERT_EQ(pread(fd.get(), &byte, 1, at), 1);
    byte = static_cast<char>(byte ^ 0x40);
    ASSERT_EQ(pwrite(fd.get(), &byte, 1, at), 1);
  }

  uint64_t SegmentBytes() const {
    uint64_t bytes = 0;
    for (const std::string& file : Files("segments")) {
      struct stat facts {};
      if (stat(file.c_str(), &facts) == 0) bytes += static_cast<uint64_t>(facts.st_size);
    }
    return bytes;
  }

  const TemporaryDirectory folder_;
  std::unique_ptr<ObjectStore> store_;
  uint64_t segment_bytes_ = 256ULL << 20;

 private:
  static void Collect(const std::string& path, std::vector<std::string>* out) {
    const Result<std::vector<std::string>> names = ListDirectory(path);
    if (!names.ok()) {
      out->push_back(path);
      return;
    }
    for (const std::string& name : *names) Collect(path + "/" + name, out);
  }
};

// A failpoint for the life of the object.
class Failing {
 public:
  Failing(std::string name, const std::string& action) : name_(std::move(name)) {
    Arm(name_ + "=" + action);
  }
  ~Failing() { Arm(name_ + "=delay:0"); }

 private:
  static void Arm(const std::string& spec) {
    setenv("HODEI_FAILPOINTS", spec.c_str(), 1);
    ArmFailpointsFromEnvironment();
  }
  const std::string name_;
};

TEST_F(LocalStore, EverythingSurvivesARestart) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  const std::string large(300'000, 'L');
  ASSERT_OK_AND_ASSIGN(const Object before, Put("small", "s"));
  ASSERT_THAT(Put("large", large), IsOk());
  UploadStart start;
  start.principal = "ann";
  start.object.set_bucket("bucket");
  start.object.set_name("resumed");
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(start));
  ASSERT_THAT(store_->AppendUpload(id, "ann", 0, large), IsOk());
  ASSERT_THAT(store_->GetUpload(id, "ann"), IsOk());
  ASSERT_THAT(store_->AppendUpload(id, "ann", large.size(), "not acknowledged"), IsOk());

  ASSERT_THAT(Open(), IsOk());
  EXPECT_EQ(Get("small"), "s");
  EXPECT_TRUE(Get("large") == large);
  ASSERT_OK_AND_ASSIGN(const UploadStatus status, store_->GetUpload(id, "ann"));
  EXPECT_EQ(status.stored_bytes, large.size());
  ASSERT_THAT(store_->AppendUpload(id, "ann", large.size(), "end"), IsOk());
  ASSERT_THAT(store_->FinishUpload(id, "ann", large.size() + 3, {}), IsOk());
  EXPECT_TRUE(Get("resumed") == large + "end");
  ASSERT_OK_AND_ASSIGN(const Object after, Put("small", "t"));
  EXPECT_GT(after.generation(), before.generation());
  ExpectClean();
}

TEST_F(LocalStore, ASecondOpenIsRefused) {
  ASSERT_THAT(Open(), IsOk());
  LocalObjectStoreOptions options;
  options.directory = Folder();
  EXPECT_THAT(OpenLocalObjectStore(options),
              StatusIs(Code::kFailedPrecondition, HasSubstr("another server")));
}

TEST_F(LocalStore, OrphansAreRemovedAtStart) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  ASSERT_THAT(Put("kept", std::string(100'000, 'k')), IsOk());
  ASSERT_THAT(Put("gone", "small"), IsOk());
  ASSERT_THAT(store_->DeleteObject("bucket", "gone", std::nullopt, {}), IsOk());
  store_.reset();
  ASSERT_THAT(WriteFileDurably(Folder() + "/content/01/0000000000000101", "half an object"),
              IsOk());
  ASSERT_THAT(Open(), IsOk());
  EXPECT_THAT(Files("content"), SizeIs(1));
  EXPECT_THAT(Files("segments"), IsEmpty());
  ExpectClean();
}

TEST_F(LocalStore, AFileThatMustStayForNowKeepsItsIdOverARestart) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  ASSERT_THAT(Put("gone", std::string(100'000, 'g')), IsOk());
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd paused, PauseRemovals(Folder()));
    ASSERT_THAT(store_->DeleteObject("bucket", "gone", std::nullopt, {}), IsOk());
    ASSERT_THAT(Open(), IsOk());
    ASSERT_THAT(Put("new", std::string(100'000, 'n')), IsOk());
    EXPECT_THAT(Files("content"), SizeIs(2));
  }
  ASSERT_THAT(store_->Sweep(), IsOk());
  EXPECT_THAT(Files("content"), SizeIs(1));
  EXPECT_EQ(Get("new"), std::string(100'000, 'n'));
  ExpectClean();
}

TEST_F(LocalStore, DeletedBytesAreFreed) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  const std::string large(100'000, 'x');
  ASSERT_THAT(Put("a", large), IsOk());
  ASSERT_THAT(Put("a", large), IsOk());
  EXPECT_THAT(Files("content"), SizeIs(1));
  ASSERT_THAT(store_->DeleteObject("bucket", "a", std::nullopt, {}), IsOk());
  EXPECT_THAT(Files("content"), IsEmpty());
}

TEST_F(LocalStore, RotIsAnErrorAndNeverWrongBytes) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  ASSERT_THAT(Put("small", "some small bytes"), IsOk());
  ASSERT_THAT(Put("large", std::string(100'000, 'x')), IsOk());
  FlipByte(Files("segments").at(0), 3);
  EXPECT_EQ(Get("small"), "DATA_LOSS");
  ASSERT_EQ(truncate(Files("content").at(0).c_str(), 99'999), 0);
  EXPECT_EQ(Get("large"), "DATA_LOSS");
  ASSERT_OK_AND_ASSIGN(FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, SizeIs(2));
  ASSERT_EQ(truncate(Files("content").at(0).c_str(), 100'000), 0);
  ASSERT_THAT(Open(), IsOk());           // nothing is taken for checked
  EXPECT_EQ(Get("large"), "DATA_LOSS");  // the cut byte is another now
  EXPECT_THAT(store_->CopyToFile("bucket", "large", std::nullopt, folder_.path() + "/copy"),
              StatusIs(Code::kDataLoss));
  unlink(Files("content").at(0).c_str());
  EXPECT_EQ(Get("large"), "DATA_LOSS");
}

TEST_F(LocalStore, DamagedIndexesAreRefusedWithAWayOut) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  ASSERT_THAT(Put("o", "x"), IsOk());
  store_.reset();
  const std::string index = Folder() + "/objects.db";
  {
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<SqliteDatabase> connection,
                         OpenDatabase(index, SqliteDatabase::Mode::kMaker));
    ASSERT_THAT(connection->Execute("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)"),
                IsOk());
  }
  EXPECT_THAT(Open(), StatusIs(Code::kFailedPrecondition, HasSubstr("schema 99")));
  for (off_t at = 0; at < 100; ++at) FlipByte(index, at);
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss));
  unlink(index.c_str());
  unlink((index + "-wal").c_str());
  unlink((index + "-shm").c_str());
  EXPECT_THAT(Open(), StatusIs(Code::kDataLoss, HasSubstr("restore it from a backup")));
}

TEST_F(LocalStore, AFullDiskLeavesNothingHalfAndHealsByItself) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  ASSERT_THAT(Put("old", "before"), IsOk());
  UploadStart start;
  start.principal = "ann";
  start.object.set_bucket("bucket");
  start.object.set_name("resumed");
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(start));
  ASSERT_THAT(store_->AppendUpload(id, "ann", 0, "abc"), IsOk());
  const std::string large(100'000, 'x');
  for (const char* point :
       {"object.content.create", "object.content.write", "object.content.sync",
        "object.content.sync_directory", "object.segment.write", "object.segment.sync",
        "object.batch.before_sync", "object.batch.before_commit"}) {
    SCOPED_TRACE(point);
    {
      const Failing failing(point, "error:ENOSPC");
      const Result<Object> small = Put("old", "after");
      const Result<Object> big = Put("big", large);
      EXPECT_FALSE(small.ok() && big.ok());
      for (const Result<Object>* put : {&small, &big}) {
        EXPECT_TRUE(put->ok() || put->status().code() == Code::kResourceExhausted);
      }
      EXPECT_EQ(Get("old"), small.ok() ? "after" : "before");
    }
    ASSERT_THAT(Put("old", "before"), IsOk());
    if (store_->GetObject("bucket", "big").ok()) {
      ASSERT_THAT(store_->DeleteObject("bucket", "big", std::nullopt, {}), IsOk());
    }
    ExpectClean();
  }
  {
    const Failing failing("object.upload.record", "error:ENOSPC");
    EXPECT_THAT(store_->GetUpload(id, "ann"), StatusIs(Code::kResourceExhausted));
  }
  ASSERT_THAT(store_->FinishUpload(id, "ann", 3, {}), IsOk());
  EXPECT_EQ(Get("resumed"), "abc");
}

TEST_F(LocalStore, UploadingAgainHealsRottenBytes) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  const std::string large(100'000, 'x');
  ASSERT_THAT(Put("small", "some small bytes"), IsOk());
  ASSERT_THAT(Put("large", large), IsOk());
  ASSERT_THAT(Open(), IsOk());  // nothing is taken for checked
  FlipByte(Files("segments").at(0), 3);
  FlipByte(Files("content").at(0), 50'000);
  ASSERT_THAT(Put("small-again", "some small bytes"), IsOk());
  ASSERT_THAT(Put("large-again", large), IsOk());
  ASSERT_THAT(Put("large-third", large), IsOk());
  EXPECT_EQ(Get("small-again"), "some small bytes");
  EXPECT_TRUE(Get("large-again") == large);
  EXPECT_EQ(Get("small"), "DATA_LOSS");
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, SizeIs(2));
  EXPECT_EQ(report.contents, 4u);
}

TEST_F(LocalStore, SparseSegmentsGiveTheirDiskBackWhileReadersGoOn) {
  segment_bytes_ = 64 * 1024;
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  const auto bytes_of = [](int i) { return fmt::format("{:04}{}", i, std::string(1000, 'x')); };
  for (int i = 0; i < 500; ++i) ASSERT_THAT(Put(std::to_string(i), bytes_of(i)), IsOk());
  const uint64_t before = SegmentBytes();
  for (int i = 0; i < 500; ++i) {
    if (i % 5 == 0) continue;
    ASSERT_THAT(store_->DeleteObject("bucket", std::to_string(i), std::nullopt, {}), IsOk());
  }
  std::atomic<bool> stop = false;
  std::jthread reader([&] {
    while (!stop) {
      for (int i = 0; i < 500; i += 5) EXPECT_EQ(Get(std::to_string(i)), bytes_of(i));
    }
  });
  bool more = true;
  for (int i = 0; more && i < 1000; ++i) {
    const Result<bool> swept = store_->Sweep();
    EXPECT_THAT(swept, IsOk());
    more = swept.ok() && *swept;
  }
  stop = true;
  reader.join();
  EXPECT_FALSE(more);
  EXPECT_LT(SegmentBytes(), before / 3);
  ExpectClean();
  ASSERT_THAT(Open(), IsOk());
  for (int i = 0; i < 500; i += 5) EXPECT_EQ(Get(std::to_string(i)), bytes_of(i));
  ExpectClean();
}

TEST_F(LocalStore, SegmentsLeftByRestartsArePutTogether) {
  for (int i = 0; i < 20; ++i) {
    ASSERT_THAT(Open(), IsOk());
    if (i == 0) MakeBucket();
    ASSERT_THAT(Put(std::to_string(i), fmt::format("bytes {}", i)), IsOk());
  }
  EXPECT_THAT(Files("segments"), SizeIs(20));
  bool more = true;
  while (more) {
    ASSERT_OK_AND_ASSIGN(more, store_->Sweep());
  }
  EXPECT_LE(Files("segments").size(), 8u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Get(std::to_string(i)), fmt::format("bytes {}", i));
  ExpectClean();
}

TEST_F(LocalStore, ReadersKeepABoundedNumberOfSegmentsOpen) {
  const int segments = static_cast<int>(kOpenSegmentsMax) + 3;
  for (int i = 0; i < segments; ++i) {
    ASSERT_THAT(Open(), IsOk());
    if (i == 0) MakeBucket();
    ASSERT_THAT(Put(std::to_string(i), fmt::format("bytes {}", i)), IsOk());
  }
  ASSERT_THAT(Open(), IsOk());
  const auto open_segments = [this] {
    size_t count = 0;
    for (const auto& fd : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string path = std::filesystem::read_symlink(fd.path(), gone);
      if (path.starts_with(Folder() + "/segments/")) ++count;
    }
    return count;
  };
  size_t most = 0;
  for (int i = 0; i < segments; ++i) {
    EXPECT_EQ(Get(std::to_string(i)), fmt::format("bytes {}", i));
    most = std::max(most, open_segments());
  }
  EXPECT_EQ(most, kOpenSegmentsMax);
  EXPECT_LT(open_segments(), most) << "all were closed when one more was opened";
  EXPECT_EQ(Get("0"), "bytes 0");
}

TEST_F(LocalStore, HoldsAndPartsSurviveARestart) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  ASSERT_OK_AND_ASSIGN(const Object object, Put("held", "held bytes"));
  ASSERT_THAT(store_->HoldGenerations("job:1", {{"bucket", "held", 0}}), IsOk());
  ASSERT_THAT(store_->DeleteObject("bucket", "held", std::nullopt, {}), IsOk());
  UploadStart start;
  start.object.set_bucket("bucket");
  start.object.set_name("parts");
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartMultipart(start));
  const MultipartKey key{"bucket", "parts", id};
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<ObjectWriter> writer, store_->NewWriter());
  ASSERT_THAT(writer->Append(std::string(100'000, 'p')), IsOk());
  ASSERT_THAT(writer->CommitPart(key, 1, {}), IsOk());
  writer.reset();
  ASSERT_THAT(Open(), IsOk());
  ASSERT_OK_AND_ASSIGN(OpenedObject opened,
                       store_->OpenHeld("job:1", {"bucket", "held", object.generation()}));
  EXPECT_EQ(ReadAll(opened), "held bytes");
  ASSERT_THAT(store_->CompleteMultipart(key, {{1, ""}}, {}), IsOk());
  EXPECT_EQ(Get("parts"), std::string(100'000, 'p'));
  ExpectClean();
}

// F2: a child puts objects and says so after each acknowledgement; it is killed at a random
// moment. All it said must be there, whole; what it did not say may be there, whole, or not.
TEST_F(LocalStore, NothingAcknowledgedIsLostWhenKilled) {
  ASSERT_THAT(Open(), IsOk());
  MakeBucket();
  store_.reset();
  struct Acknowledged {
    char letter = 0;
    int round = 0;
  };
  std::map<std::string, Acknowledged> acknowledged;
  unsigned seed = 7;
  for (int round = 0; round < 8; ++round) {
    int pipe_fds[2];
    ASSERT_EQ(pipe(pipe_fds), 0);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      close(pipe_fds[0]);
      if (!Open().ok()) _exit(3);
      std::vector<std::jthread> threads;
      for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
          for (int i = 0; i < 100'000; ++i) {
            const char letter = static_cast<char>('a' + (i + round) % 26);
            const std::string name = fmt::format("{}-{}", t, i % 50);
            const size_t size = i % 7 == 0 ? 90'000 : 500;
            if (!PutWhole(store_.get(), name, std::string(size, letter)).ok()) _exit(4);
            const std::string line = fmt::format("{} {}\n", name, letter);
            if (write(pipe_fds[1], line.data(), line.size()) < 0) _exit(5);
          }
        });
      }
      threads.clear();
      _exit(0);
    }
    close(pipe_fds[1]);
    seed = seed * 1103515245 + 12345;
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + seed / 65536 % 200));
    kill(child, SIGKILL);
    std::string said;
    char buffer[4096];
    for (ssize_t n; (n = read(pipe_fds[0], buffer, sizeof buffer)) > 0;) {
      said.append(buffer, static_cast<size_t>(n));
    }
    close(pipe_fds[0]);
    int how = 0;
    ASSERT_EQ(waitpid(child, &how, 0), child);
    ASSERT_TRUE(WIFSIGNALED(how)) << how;
    for (size_t at = 0; at < said.size(); at = said.find('\n', at) + 1) {
      const size_t space = said.find(' ', at);
      acknowledged[said.substr(at, space - at)] = {said[space + 1], round};
    }
    ASSERT_THAT(Open(), IsOk());
    for (const auto& [name, said_of] : acknowledged) {
      const std::string bytes = Get(name);
      ASSERT_TRUE(bytes.size() == 500 || bytes.size() == 90'000) << name << " " << bytes;
      EXPECT_EQ(bytes, std::string(bytes.size(), bytes[0]));
      if (said_of.round != round) continue;
      // The next put of that name may have been committed without its answer.
      const char next = static_cast<char>('a' + (said_of.letter - 'a' + 50) % 26);
      EXPECT_TRUE(bytes[0] == said_of.letter || bytes[0] == next) << name;
    }
    ExpectClean();
    store_.reset();
  }
  EXPECT_GT(acknowledged.size(), 20u);
}

}  // namespace
}  // namespace hodei::store
