#include "store/log/log_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <condition_variable>
#include <mutex>

#include "base/log_frame.h"
#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "store/log/entry_text.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

namespace v2 = google::logging::v2;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kStart = 1'700'000'000'000'000'000;

// Writes segments as a supervisor does.
class FakeSupervisor {
 public:
  explicit FakeSupervisor(std::string dir) : dir_(std::move(dir)) {
    EXPECT_THAT(MakeDirectories(dir_), IsOk());
    NewSegment();
  }
  void NewSegment() {
    fd_ = std::move(*OpenFile(fmt::format("{}/segment-{:06}.log", dir_, ++segment_),
                              O_WRONLY | O_CREAT | O_APPEND));
    EXPECT_THAT(WriteAll(fd_.get(), kLogMagic), IsOk());
  }
  void Line(std::string_view text, int64_t at, LogStream stream = LogStream::kStdout,
            uint8_t flags = 0) {
    std::string frame;
    AppendLogFrame({++seq_, {kStart + at}, stream, flags, text}, &frame);
    EXPECT_THAT(WriteAll(fd_.get(), frame), IsOk());
  }
  void Raw(std::string_view bytes) { EXPECT_THAT(WriteAll(fd_.get(), bytes), IsOk()); }

 private:
  std::string dir_;
  UniqueFd fd_;
  int segment_ = 0;
  uint64_t seq_ = 0;
};

class LogStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }
  void Open() {
    store_.reset();
    Result<std::unique_ptr<LogStore>> store = LogStore::Open(dir_.path() + "/logs", clock_);
    ASSERT_THAT(store, IsOk());
    store_ = std::move(*store);
  }
  LogSource Source(const std::string& job, const std::string& task) {
    return {"p", job, task, "", job + "-" + task, dir_.path() + "/jobs/" + job + "/" + task};
  }
  FakeSupervisor Add(const std::string& job, const std::string& task) {
    const LogSource source = Source(job, task);
    EXPECT_THAT(store_->AddSource(source), IsOk());
    return FakeSupervisor(source.dir);
  }
  std::vector<std::string> Messages(const LogQuery& query) {
    Result<LogPage> page = store_->Query(query);
    EXPECT_THAT(page, IsOk());
    std::vector<std::string> out;
    for (const v2::LogEntry& entry : page->entries) out.push_back(Message(entry));
    return out;
  }
  static std::string Message(const v2::LogEntry& entry) {
    return entry.has_text_payload() ? entry.text_payload()
                                    : entry.json_payload().fields().at("message").string_value();
  }

  TemporaryDirectory dir_;
  hodei::testing::FakeClock clock_;
  std::unique_ptr<LogStore> store_;
};

TEST_F(LogStoreTest, MergesSourcesByTime) {
  FakeSupervisor master = Add("j", "master-replica-0");
  FakeSupervisor worker = Add("j", "worker-replica-0");
  master.Line("one", 10);
  worker.Line("two", 20);
  master.Line("three", 30);
  Add("other", "master-replica-0").Line("not this one", 15);
  LogQuery query{.projects = {"p"}, .filter = "resource.labels.job_id=j"};
  EXPECT_THAT(Messages(query), ElementsAre("one", "two", "three"));
  query.newest_first = true;
  EXPECT_THAT(Messages(query), ElementsAre("three", "two", "one"));
  query.projects = {"stranger"};
  EXPECT_THAT(Messages(query), IsEmpty());
}

TEST_F(LogStoreTest, EntriesOfAVersionAreOfItsOwnResourceType) {
  ASSERT_THAT(store_->AppendService("p", "models/m/versions/v", v2::INFO, "answered"), IsOk());
  Add("j", "master-replica-0").Line("of a job", 10);
  Result<LogPage> page = store_->Query(
      {.projects = {"p"},
       .filter = "resource.type=cloudml_model_version AND resource.labels.model_id=m"});
  ASSERT_THAT(page, IsOk());
  ASSERT_THAT(page->entries, SizeIs(1));
  const v2::LogEntry& entry = page->entries[0];
  EXPECT_EQ(Message(entry), "answered");
  EXPECT_EQ(entry.resource().type(), "cloudml_model_version");
  EXPECT_EQ(entry.resource().labels().at("version_id"), "v");
  EXPECT_THAT(Messages({.projects = {"p"}, .filter = "resource.type=ml_job"}),
              ElementsAre("of a job"));
}

TEST_F(LogStoreTest, PagesWithoutGapOrRepeatInBothDirections) {
  FakeSupervisor a = Add("j", "a");
  FakeSupervisor b = Add("j", "b");
  for (int i = 0; i < 25; ++i) {
    a.Line(fmt::format("a{}", i), i);
    b.Line(fmt::format("b{}", i), i);  // the same time: insertId decides
  }
  for (const bool newest_first : {false, true}) {
    std::vector<std::string> ids;
    LogQuery query{.projects = {"p"}, .newest_first = newest_first, .limit = 7};
    for (;;) {
      ASSERT_OK_AND_ASSIGN(const LogPage page, store_->Query(query));
      for (const v2::LogEntry& entry : page.entries) ids.push_back(Message(entry));
      if (!page.next) break;
      query.after = page.next;
    }
    EXPECT_THAT(ids, SizeIs(50));
    EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 50u);
  }
}

TEST_F(LogStoreTest, ReadsManyBlocksAndSegments) {
  FakeSupervisor master = Add("j", "m");
  const std::string filler(1000, 'x');
  for (int i = 0; i < 2000; ++i) {
    if (i == 700) master.NewSegment();
    master.Line(fmt::format("{} {}", i, filler), i);
  }
  LogQuery query{.projects = {"p"}, .limit = 2};
  query.filter = fmt::format("timestamp>=\"{}\"", FormatRfc3339({kStart + 1500}));
  const std::vector<std::string> messages = Messages(query);
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_THAT(messages[0], ::testing::StartsWith("1500 "));
  query.newest_first = true;
  EXPECT_THAT(Messages(query)[0], ::testing::StartsWith("1999 "));
}

TEST_F(LogStoreTest, SurvivesRestart) {
  Add("j", "m").Line("kept", 10);
  ASSERT_THAT(store_->AppendService("p", "j", v2::INFO, "Job j is queued."), IsOk());
  Open();
  clock_.Advance(Nanoseconds(100));
  ASSERT_THAT(store_->AppendService("p", "j", v2::WARNING, "again"), IsOk());
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("Job j is queued.", "kept", "again"));
  LogQuery query{.projects = {"p"}, .filter = "severity=WARNING"};
  EXPECT_THAT(Messages(query), ElementsAre("again"));
}

TEST_F(LogStoreTest, TornRegistryRecordIsCutAndDamageIsRefused) {
  Add("j", "m").Line("kept", 1);
  store_.reset();
  const std::string path = dir_.path() + "/logs/sources.log";
  const std::string good = *ReadFile(path);
  ASSERT_THAT(WriteFileDurably(path, good + good.substr(0, 20)), IsOk());
  Open();
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("kept"));
  store_.reset();
  std::string bad = good + good;
  bad[30] ^= 1;
  ASSERT_THAT(WriteFileDurably(path, bad), IsOk());
  EXPECT_THAT(LogStore::Open(dir_.path() + "/logs", clock_), StatusIs(Code::kDataLoss));
}

TEST_F(LogStoreTest, TornSegmentTailIsNotShownUntilComplete) {
  FakeSupervisor master = Add("j", "m");
  master.Line("whole", 1);
  std::string frame;
  AppendLogFrame({2, {kStart + 2}, LogStream::kStdout, 0, "late"}, &frame);
  master.Raw(std::string_view(frame).substr(0, 10));
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("whole"));
  master.Raw(std::string_view(frame).substr(10));
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("whole", "late"));
}

TEST_F(LogStoreTest, DamagedFrameEndsItsSegmentOnly) {
  FakeSupervisor master = Add("j", "m");
  master.Line("before", 1);
  std::string frame;
  AppendLogFrame({2, {kStart + 2}, LogStream::kStdout, 0, "flipped"}, &frame);
  frame.back() ^= 1;
  master.Raw(frame);
  master.Line("lost", 3);
  master.NewSegment();
  master.Line("after", 4);
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("before", "after"));
}

TEST_F(LogStoreTest, JoinsTheFramesOfALongLineUpToTheLimit) {
  FakeSupervisor master = Add("j", "m");
  const std::string piece(kLogFrameMaxText, 'y');
  for (int i = 0; i < 5; ++i) {
    master.Line(piece, 1, LogStream::kStdout, LogFrame::kFlagContinues);
  }
  master.Line("end", 1);
  const std::vector<std::string> messages = Messages({.projects = {"p"}});
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[0].size(), kLogEntryMaxBytes);
  EXPECT_EQ(messages[1].size(), kLogFrameMaxText + 3);
}

TEST_F(LogStoreTest, DroppedBytesAreAnEntry) {
  FakeSupervisor master = Add("j", "m");
  master.Line("12345", 1, LogStream::kStdout, LogFrame::kFlagDropped);
  EXPECT_THAT(Messages({.projects = {"p"}, .filter = "severity=WARNING"}),
              ElementsAre(::testing::StartsWith("12345 bytes dropped")));
}

TEST_F(LogStoreTest, TailGivesTheLastLinesOldestFirst) {
  FakeSupervisor master = Add("j", "m");
  for (int i = 0; i < 10; ++i) master.Line(fmt::format("{}", i), i);
  EXPECT_THAT(*store_->TailOf("j-m", 3, 1000), ElementsAre("7", "8", "9"));
  EXPECT_THAT(*store_->TailOf("j-m", 10, 2), ElementsAre("8", "9"));
  EXPECT_THAT(store_->TailOf("none", 1, 1), StatusIs(Code::kNotFound));
}

TEST_F(LogStoreTest, FollowerWakesAndResumesExactly) {
  FakeSupervisor master = Add("j", "m");
  FakeSupervisor worker = Add("j", "w");
  master.Line("m1", 1);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<LogFollower> follower, store_->Follow("p", "j", {}));
  ASSERT_OK_AND_ASSIGN(std::vector<v2::LogEntry> entries, follower->Take(100));
  ASSERT_THAT(entries, SizeIs(1));

  std::mutex mutex;
  std::condition_variable ready;
  bool woken = false;
  follower->NotifyOnce([&] {
    std::lock_guard lock(mutex);
    woken = true;
    ready.notify_one();
  });
  worker.Line("w1", 2);
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(ready.wait_for(lock, std::chrono::seconds(20), [&] { return woken; }));
  }
  ASSERT_OK_AND_ASSIGN(std::vector<v2::LogEntry> more, follower->Take(100));
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_EQ(Message(more[0]), "w1");

  master.Line("m2", 3);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<LogFollower> resumed,
                       store_->Follow("p", "j", {entries[0].insert_id(), more[0].insert_id()}));
  ASSERT_OK_AND_ASSIGN(std::vector<v2::LogEntry> rest, resumed->Take(100));
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(Message(rest[0]), "m2");
  EXPECT_THAT(store_->Follow("p", "j", {"garbage"}), StatusIs(Code::kInvalidArgument));
}

TEST_F(LogStoreTest, FollowerSeesASourceThatComesLater) {
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<LogFollower> follower, store_->Follow("p", "j", {}));
  ASSERT_THAT(*follower->Take(10), IsEmpty());
  Add("j", "m").Line("first", 1);
  std::mutex mutex;
  std::condition_variable ready;
  bool woken = false;
  follower->NotifyOnce([&] {
    std::lock_guard lock(mutex);
    woken = true;
    ready.notify_one();
  });
  std::unique_lock lock(mutex);
  ASSERT_TRUE(ready.wait_for(lock, std::chrono::seconds(20), [&] { return woken; }));
  EXPECT_THAT(*follower->Take(10), SizeIs(1));
}

TEST_F(LogStoreTest, RemovedLogsAreGoneForQueriesTasksAndTheNextStart) {
  Add("old", "m").Line("old", 1);
  ASSERT_THAT(store_->AppendService("p", "old", v2::INFO, "old service"), IsOk());
  Add("kept", "n").Line("kept", 2);
  ASSERT_THAT(store_->RemoveLogs({{"p", "old"}, {"p", "never there"}}), IsOk());
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("kept"));
    EXPECT_THAT(store_->TaskNames("p"), ElementsAre("n"));
    EXPECT_THAT(store_->TailOf("old-m", 1, 1), StatusIs(Code::kNotFound));
    EXPECT_FALSE(FileExists(Source("old", "m").dir));
    EXPECT_THAT(*ListDirectory(dir_.path() + "/logs/service"), IsEmpty());
    EXPECT_FALSE(FileExists(dir_.path() + "/logs/removed"));
    Open();
  }
}

TEST_F(LogStoreTest, ALogBeginsAnewAfterItsRemoval) {
  ASSERT_THAT(store_->AppendService("p", "models/m/versions/v", v2::INFO, "first life"), IsOk());
  ASSERT_THAT(store_->RemoveLogs({{"p", "models/m/versions/v"}}), IsOk());
  ASSERT_THAT(store_->AppendService("p", "models/m/versions/v", v2::INFO, "second life"), IsOk());
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("second life"));
    Open();
  }
}

TEST_F(LogStoreTest, AFollowerOfARemovedLogReadsNothingMore) {
  FakeSupervisor master = Add("j", "m");
  master.Line("one", 1);
  ASSERT_OK_AND_ASSIGN(std::unique_ptr<LogFollower> follower, store_->Follow("p", "j", {}));
  ASSERT_THAT(*follower->Take(1), SizeIs(1));
  master.Line("two", 2);
  ASSERT_THAT(store_->RemoveLogs({{"p", "j"}}), IsOk());
  EXPECT_THAT(*follower->Take(10), IsEmpty());
}

// Somebody may remove a folder while its blocks are known.
TEST_F(LogStoreTest, ALogWhoseFolderWentAwayIsEmptyAndForgotten) {
  Add("j", "m").Line("gone", 1);
  Add("k", "m").Line("kept", 2);
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("gone", "kept"));
  ASSERT_THAT(RemoveTree(Source("j", "m").dir), IsOk());
  EXPECT_THAT(Messages({.projects = {"p"}}), ElementsAre("kept"));
  EXPECT_EQ(*store_->ForgetGone(), 1u);
  EXPECT_EQ(*store_->ForgetGone(), 0u);
  Open();
  ASSERT_THAT(store_->Volumes(), SizeIs(1));
  EXPECT_EQ(store_->Volumes()[0].job_id, "k");
}

TEST_F(LogStoreTest, VolumesCountTheBytesOfAJobAndTellItsLastWrite) {
  Add("j", "m").Line("text", 1);
  Add("j", "w").NewSegment();
  const timespec now[2] = {{.tv_sec = 1'900'000'000}, {.tv_sec = 1'900'000'000}};
  const std::string last = Source("j", "w").dir + "/segment-000002.log";
  ASSERT_EQ(utimensat(AT_FDCWD, last.c_str(), now, 0), 0);
  int64_t bytes = 0;
  for (const char* task : {"m", "w"}) {
    const std::string dir = Source("j", task).dir;
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, ListDirectory(dir));
    for (const std::string& name : names) {
      bytes += static_cast<int64_t>(ReadFile(dir + "/" + name)->size());
    }
  }
  ASSERT_THAT(store_->Volumes(), SizeIs(1));
  EXPECT_EQ(store_->Volumes()[0].size_bytes, bytes);
  EXPECT_EQ(store_->Volumes()[0].last_write.unix_nanos, 1'900'000'000'000'000'000);
}

TEST(EntryText, SeverityComesFromStreamPrefixOrStructure) {
  const struct {
    LogStream stream;
    const char* line;
    LogSeverity severity;
    const char* message;
  } cases[] = {
      {LogStream::kStdout, "plain", v2::INFO, "plain"},
      {LogStream::kStderr, "plain", v2::ERROR, "plain"},
      {LogStream::kStderr, "WARNING:root:careful", v2::WARNING, "WARNING:root:careful"},
      {LogStream::kStderr, "INFO:a.b:fine", v2::INFO, "INFO:a.b:fine"},
      {LogStream::kStderr, "HTTP://x:y", v2::ERROR, "HTTP://x:y"},
      {LogStream::kStderr, R"({"message":"m","severity":"INFO"})", v2::INFO, "m"},
      {LogStream::kStderr, R"({"message":"m","levelname":"WARNING","lineno":3})", v2::WARNING, "m"},
      {LogStream::kStdout, R"({"message":"m","severity":"NONSENSE"})", v2::INFO, "m"},
      {LogStream::kStdout, R"({"msg":"m"})", v2::INFO, R"({"msg":"m"})"},
      {LogStream::kStdout, R"({"message":3})", v2::INFO, R"({"message":3})"},
      {LogStream::kStdout, R"({broken})", v2::INFO, R"({broken})"},
  };
  for (const auto& c : cases) {
    const EntryText text = ReadEntryText(c.stream, c.line);
    EXPECT_EQ(text.severity, c.severity) << c.line;
    EXPECT_EQ(text.message, c.message);
  }
}

TEST(EntryText, StructuredLineMayHoldAnyNumber) {
  const EntryText text =
      ReadEntryText(LogStream::kStdout,
                    R"({"message":"m","loss":100000000000000000000,"step":9007199254740993})");
  EXPECT_EQ(text.message, "m");
  ASSERT_THAT(text.fields, SizeIs(2));
  EXPECT_EQ(text.fields[0].number, 1e20);
}

TEST(EntryText, StructuredLineCannotSetResourceOrGrowWithoutBound) {
  std::string line = R"({"message":"m","resource":{"type":"x"},"timestamp":"1999-01-01T00:00:00Z")";
  for (int i = 0; i < 100; ++i) line += fmt::format(",\"f{}\":{}", i, i);
  line += "}";
  const EntryText text = ReadEntryText(LogStream::kStdout, line);
  EXPECT_THAT(text.fields, SizeIs(kStructuredFieldLimit));
}

TEST(EntryText, ReplacesInvalidUtf8) {
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFFz\xC3\xA9"), "a\xEF\xBF\xBDz\xC3\xA9");
}

}  // namespace
}  // namespace hodei::store
