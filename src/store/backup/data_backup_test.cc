#include "store/backup/data_backup.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/testing/status_matchers.h"
#include "store/meta/meta_store.h"
#include "store/object/object_store.h"
#include "store/object/testing/whole_objects.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DataBackup : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(MakeDirectories(Data() + "/logs/a"), IsOk());
    ASSERT_THAT(WriteFileDurably(Data() + "/logs/a/0", "a line\n"), IsOk());
    ASSERT_THAT(MakeDirectories(Data() + "/tls/certs"), IsOk());
    ASSERT_THAT(WriteFileDurably(Data() + "/tls/certs/ca.pem", "a certificate"), IsOk());
    ASSERT_EQ(symlink("ca.pem", (Data() + "/tls/certs/002c0b4f.0").c_str()), 0);
    ASSERT_EQ(symlink("/etc/passwd", (Data() + "/tls/certs/elsewhere").c_str()), 0);
    ASSERT_THAT(WriteFileDurably(Data() + "/page-token.key", "key"), IsOk());
    ASSERT_THAT(WriteFileDurably(Data() + "/server.json", "{}"), IsOk());
    Open();
    Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    ASSERT_THAT(objects_->CreateBucket(bucket), IsOk());
  }

  void Open() {
    auto meta = OpenSqliteMetaStore(Data() + "/meta.db");
    ASSERT_THAT(meta, IsOk());
    meta_ = *std::move(meta);
    auto objects = OpenObjects(Data());
    ASSERT_THAT(objects, IsOk());
    objects_ = *std::move(objects);
  }

  static Result<std::unique_ptr<ObjectStore>> OpenObjects(const std::string& data) {
    LocalObjectStoreOptions options;
    options.directory = data + "/objects";
    options.segment_bytes = 128 * 1024;
    return OpenLocalObjectStore(options);
  }

  Result<Object> Put(const std::string& name, std::string_view bytes) {
    return store::PutWhole(objects_.get(), name, bytes);
  }

  std::string Data() const { return folder_.path() + "/data"; }
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }

  const TemporaryDirectory folder_;
  std::unique_ptr<MetaStore> meta_;
  std::unique_ptr<ObjectStore> objects_;
};

// F29. A writer puts "n" = i and then, only after that was acknowledged, "m" = i: in every backup m
// is n or one less, as at every moment.
TEST_F(DataBackup, IsOneMomentOfAStoreUnderLoad) {
  std::atomic<bool> stop = false;
  std::vector<std::jthread> writers;
  writers.emplace_back([&] {
    for (int i = 0; !stop; ++i) {
      EXPECT_THAT(Put("n", fmt::format("{}", i)), IsOk());
      EXPECT_THAT(Put("m", fmt::format("{}", i)), IsOk());
    }
  });
  writers.emplace_back([&] {
    for (int i = 0; !stop; ++i) {
      EXPECT_THAT(Put("large", std::string(100'000 + i, 'x')), IsOk());
      EXPECT_THAT(Put("small", std::string(20'000 + i % 1000, 'y')), IsOk());
      EXPECT_THAT(objects_->Sweep(), IsOk());
    }
  });
  for (int round = 0; round < 3; ++round) {
    while (!objects_->GetObject("bucket", "m").ok()) std::this_thread::yield();
    const std::string backup = Path(fmt::format("backup-{}", round));
    ASSERT_OK_AND_ASSIGN(const BackupReport report, CreateBackup(Data(), backup));
    EXPECT_GT(report.contents, 0u);
    ASSERT_OK_AND_ASSIGN(const FsckReport live, CheckData(Data()));
    EXPECT_THAT(live.problems, IsEmpty());
    const std::string restored = Path(fmt::format("restored-{}", round));
    ASSERT_THAT(RestoreBackup(backup, restored), IsOk());
    EXPECT_TRUE(FileExists(restored + "/logs/a/0"));
    ASSERT_OK_AND_ASSIGN(const std::string linked, ReadFile(restored + "/tls/certs/ca.pem"));
    EXPECT_EQ(linked, "a certificate");
    char link[16] = {};
    EXPECT_EQ(readlink((restored + "/tls/certs/002c0b4f.0").c_str(), link, sizeof link - 1), 6);
    EXPECT_STREQ(link, "ca.pem");
    EXPECT_FALSE(FileExists(restored + "/tls/certs/elsewhere"));
    EXPECT_TRUE(FileExists(restored + "/page-token.key"));
    EXPECT_FALSE(FileExists(restored + "/server.json"));
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ObjectStore> there, OpenObjects(restored));
    const auto read = [&](const char* name) {
      Result<OpenedObject> opened = there->OpenObject("bucket", name);
      EXPECT_THAT(opened, IsOk());
      return opened.ok() ? std::stoi(std::get<std::string>(opened->content)) : -9;
    };
    const int n = read("n");
    const int m = read("m");
    EXPECT_TRUE(m == n || m == n - 1) << n << " " << m;
    ASSERT_OK_AND_ASSIGN(const FsckReport clean, there->Fsck());
    EXPECT_THAT(clean.problems, IsEmpty());
  }
  stop = true;
  writers.clear();
  // What was put off during the backups is gone.
  ASSERT_THAT(objects_->Sweep(), IsOk());
  ASSERT_OK_AND_ASSIGN(const FsckReport report, objects_->Fsck());
  EXPECT_THAT(report.problems, IsEmpty());
}

TEST_F(DataBackup, UploadsGoOnInTheRestoredStore) {
  UploadStart start;
  start.principal = "ann";
  start.object.set_bucket("bucket");
  start.object.set_name("resumed");
  ASSERT_OK_AND_ASSIGN(const std::string id, objects_->StartUpload(start));
  ASSERT_THAT(objects_->AppendUpload(id, "ann", 0, std::string(100'000, 'a')), IsOk());
  ASSERT_THAT(objects_->GetUpload(id, "ann"), IsOk());
  ASSERT_THAT(objects_->AppendUpload(id, "ann", 100'000, "later"), IsOk());
  ASSERT_THAT(CreateBackup(Data(), Path("backup")), IsOk());
  ASSERT_THAT(RestoreBackup(Path("backup"), Path("restored")), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ObjectStore> there, OpenObjects(Path("restored")));
  ASSERT_OK_AND_ASSIGN(const UploadStatus status, there->GetUpload(id, "ann"));
  EXPECT_EQ(status.stored_bytes, 100'000u);
  ASSERT_THAT(there->FinishUpload(id, "ann", 100'000, {}), IsOk());
}

TEST_F(DataBackup, NothingIsOverwrittenAndNothingHalfIsLeft) {
  ASSERT_THAT(Put("o", std::string(100'000, 'x')), IsOk());
  EXPECT_THAT(CreateBackup(Path("absent"), Path("b")), StatusIs(Code::kNotFound));
  ASSERT_THAT(CreateBackup(Data(), Path("b")), IsOk());
  EXPECT_THAT(CreateBackup(Data(), Path("b")), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(RestoreBackup(Path("b"), Data()), StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(RestoreBackup(Path("absent"), Path("r")), StatusIs(Code::kNotFound));
  // A damaged backup is refused.
  std::string content;
  for (int folder = 0; folder < 256 && content.empty(); ++folder) {
    const std::string path = fmt::format("{}/objects/content/{:02x}", Path("b"), folder);
    const auto names = ListDirectory(path);
    if (names.ok() && !names->empty()) content = path + "/" + names->front();
  }
  ASSERT_FALSE(content.empty());
  unlink(content.c_str());
  EXPECT_THAT(RestoreBackup(Path("b"), Path("r")), StatusIs(Code::kDataLoss, HasSubstr("damaged")));
  EXPECT_FALSE(FileExists(Path("r")));
  EXPECT_FALSE(FileExists(Path("r.unfinished")));
}

TEST_F(DataBackup, CheckFindsDamage) {
  ASSERT_THAT(Put("o", std::string(100'000, 'x')), IsOk());
  objects_.reset();
  ASSERT_THAT(MakeDirectories(Data() + "/objects/content/07"), IsOk());
  ASSERT_THAT(WriteFileDurably(Data() + "/objects/content/07/0000000000000107", "orphan"), IsOk());
  ASSERT_OK_AND_ASSIGN(const FsckReport report, CheckData(Data()));
  EXPECT_THAT(report.problems, ::testing::ElementsAre(HasSubstr("orphan")));
}

}  // namespace
}  // namespace hodei::store
