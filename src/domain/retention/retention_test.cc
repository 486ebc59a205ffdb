// Operations, logs and their folders over real stores and a clock that moves when told.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/log_frame.h"
#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/retention/reconciler.h"
#include "sys/file.h"

namespace hodei::retention {
namespace {

using google::cloud::ml::v1::Job;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr std::chrono::hours kDay{24};

class RetentionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(logs_, store::LogStore::Open(dir_.path() + "/logs", clock_));
    MakeReconciler({});
  }
  void MakeReconciler(RetentionOptions options) {
    reconciler_ = std::make_unique<RetentionReconciler>(
        LogRetention::Parts{.logs = logs_.get(),
                            .meta = meta_.get(),
                            .clock = &clock_,
                            .jobs_dir = dir_.path() + "/jobs"},
        options);
  }
  // One that is done, and one that waits for its version.
  std::string EndedOperation(const std::string& project, const std::string& model) {
    models::ModelRecord record;
    record.mutable_model()->set_name(fmt::format("projects/{}/models/{}", project, model));
    record.set_project(project);
    EXPECT_THAT(registry_.CreateModel(record, {}), IsOk());
    return registry_.DeleteModel(record.model().name(), {})->name();
  }
  std::string OpenOperation(const std::string& model) {
    models::ModelRecord record;
    record.mutable_model()->set_name("projects/p/models/" + model);
    EXPECT_THAT(registry_.CreateModel(record, {}), IsOk());
    models::VersionRecord version;
    version.mutable_version()->set_name(record.model().name() + "/versions/v");
    return registry_.CreateVersion(version)->name();
  }
  bool Has(const std::string& operation) { return registry_.GetOperation(operation).ok(); }

  std::string FolderOf(const std::string& id) { return dir_.path() + "/jobs/uid" + id; }
  // With a log of `bytes` that was written now, in the folder of one replica, and a service entry.
  void MakeJob(const std::string& id, Job::State state, const std::string& task,
               size_t bytes = 100) {
    jobs::JobRecord record;
    record.set_project("p");
    record.set_uid("uid" + id);
    record.mutable_job()->set_job_id(id);
    jobs::JobTable table(meta_.get());
    ASSERT_THAT(table.Create(record), IsOk());
    ASSERT_THAT(logs_->AppendService("p", id, google::logging::v2::INFO, "Job is queued."), IsOk());
    const std::string dir = FolderOf(id) + "/logs/" + task;
    ASSERT_THAT(logs_->AddSource({.project = "p",
                                  .job_id = id,
                                  .task_name = task,
                                  .trial_id = "",
                                  .source_id = fmt::format("job-uid{}-{}", id, task),
                                  .dir = dir}),
                IsOk());
    std::string segment(kLogMagic);
    AppendLogFrame({1, clock_.Now(), LogStream::kStdout, 0, std::string(bytes, 'x')}, &segment);
    ASSERT_THAT(WriteFileDurably(dir + "/segment-000001.log", segment), IsOk());
    ASSERT_THAT(table.Update("projects/p/jobs/" + id,
                             [&](jobs::JobRecord* edited) -> Result<bool> {
                               edited->mutable_job()->set_state(state);
                               return true;
                             }),
                IsOk());
    Stamp(dir_.path() + "/jobs");
    Stamp(dir_.path() + "/logs/service");
  }
  // Files were last written when the fake clock says it, not the disk's.
  void Stamp(const std::string& dir) {
    ASSERT_OK_AND_ASSIGN(const std::vector<std::string> names, ListDirectory(dir));
    for (const std::string& name : names) {
      const std::string path = dir + "/" + name;
      struct stat st {};
      ASSERT_EQ(stat(path.c_str(), &st), 0);
      if (S_ISDIR(st.st_mode)) Stamp(path);
      if (!stamped_.insert(path).second) continue;
      const timespec now = {.tv_sec = clock_.Now().unix_nanos / 1'000'000'000};
      const timespec times[2] = {now, now};
      ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
    }
  }
  std::vector<std::string> LogsOf() {
    std::vector<std::string> jobs;
    for (const store::LogVolume& volume : logs_->Volumes()) jobs.push_back(volume.job_id);
    return jobs;
  }

  TemporaryDirectory dir_;
  hodei::testing::FakeClock clock_;
  std::unique_ptr<store::MetaStore> meta_ = store::MakeMemoryMetaStore();
  std::unique_ptr<store::LogStore> logs_;
  models::Registry registry_{meta_.get(), &clock_};
  std::set<std::string> stamped_;
  std::unique_ptr<RetentionReconciler> reconciler_;
};

TEST_F(RetentionTest, AnEndedOperationLeavesAfterItsTimeAndAnOpenOneStays) {
  const std::string ended = EndedOperation("p", "a");
  const std::string open = OpenOperation("b");
  clock_.Advance(kDay * 30);
  reconciler_->RunOnce();
  EXPECT_TRUE(Has(ended));
  clock_.Advance(std::chrono::hours(1));
  reconciler_->RunOnce();
  EXPECT_THAT(registry_.GetOperation(ended), StatusIs(Code::kNotFound));
  clock_.Advance(kDay * 400);
  reconciler_->RunOnce();
  EXPECT_TRUE(Has(open));
}

TEST_F(RetentionTest, AProjectKeepsItsNewestOperationsUpToTheLimit) {
  MakeReconciler({.operations = {.per_project = 2}});
  const std::string other = EndedOperation("q", "m");
  const std::string open = OpenOperation("b");
  const std::string first = EndedOperation("p", "m");
  reconciler_->RunOnce();
  EXPECT_TRUE(Has(first));  // two: at the limit
  const std::string second = EndedOperation("p", "m");
  clock_.Advance(std::chrono::hours(1));
  reconciler_->RunOnce();
  const std::string third = EndedOperation("p", "m");
  clock_.Advance(std::chrono::hours(1));
  reconciler_->RunOnce();
  EXPECT_FALSE(Has(first));
  EXPECT_TRUE(Has(second));
  EXPECT_TRUE(Has(third));
  EXPECT_TRUE(Has(open));
  EXPECT_TRUE(Has(other));
}

TEST_F(RetentionTest, MoreOperationsThanOneCommitHoldsLeaveInOnePass) {
  std::vector<store::Write> writes;
  for (size_t i = 0; i < 2 * kOperationsAtOnce + 1; ++i) {
    models::OperationRecord record;
    record.mutable_operation()->set_name(fmt::format("projects/p/operations/o{:06}", i));
    record.mutable_operation()->set_done(true);
    writes.push_back({store::Write::Op::kPut, models::kOperationKind, record.operation().name(),
                      record.SerializeAsString(), 0});
  }
  for (const store::Write& write : writes) ASSERT_THAT(meta_->Commit({write}), IsOk());
  EXPECT_EQ(*PurgeOperations(meta_.get(), {}, clock_.Now()), 2 * kOperationsAtOnce + 1);
  EXPECT_THAT(meta_->List(models::kOperationKind, {})->records, SizeIs(0));
}

TEST_F(RetentionTest, TheLogsOfEndedTrainingAndBatchJobsLeaveTogetherWithTheirFolders) {
  MakeJob("training", Job::SUCCEEDED, "master-replica-0");
  MakeJob("batch", Job::FAILED, "worker-replica-0");
  MakeJob("running", Job::RUNNING, "master-replica-0");
  clock_.Advance(kDay * 400);
  reconciler_->RunOnce();
  EXPECT_THAT(LogsOf(), ElementsAre("batch", "running", "training"));
  clock_.Advance(std::chrono::hours(1));
  reconciler_->RunOnce();
  EXPECT_THAT(LogsOf(), ElementsAre("running"));
  EXPECT_FALSE(FileExists(FolderOf("training")));
  EXPECT_FALSE(FileExists(FolderOf("batch")));
  EXPECT_TRUE(FileExists(FolderOf("running") + "/logs/master-replica-0/segment-000001.log"));
  EXPECT_THAT(*ListDirectory(dir_.path() + "/logs/service"), SizeIs(1));
  EXPECT_THAT(jobs::JobTable(meta_.get()).Get("projects/p/jobs/training"), IsOk());
}

TEST_F(RetentionTest, OverTheLimitOfBytesTheOldestEndedJobsLogLeaves) {
  MakeJob("running", Job::RUNNING, "m", 5000);
  clock_.Advance(kDay);
  MakeJob("older", Job::SUCCEEDED, "m", 5000);
  clock_.Advance(kDay);
  MakeJob("newer", Job::SUCCEEDED, "m", 5000);
  clock_.Advance(kDay);
  int64_t bytes = 0;
  for (const store::LogVolume& volume : logs_->Volumes()) bytes += volume.size_bytes;
  MakeReconciler({.logs = {.bytes = bytes}});
  reconciler_->RunOnce();
  EXPECT_THAT(LogsOf(), ElementsAre("newer", "older", "running"));
  MakeReconciler({.logs = {.bytes = bytes - 1}});
  reconciler_->RunOnce();
  EXPECT_THAT(LogsOf(), ElementsAre("newer", "running"));
}

TEST_F(RetentionTest, AVersionKeepsItsLogAndADeletedOneIsLikeAJobThatEnded) {
  OpenOperation("m");
  for (const char* version : {"v", "deleted"}) {
    ASSERT_THAT(logs_->AppendService("p", fmt::format("models/m/versions/{}", version),
                                     google::logging::v2::INFO, "answered"),
                IsOk());
  }
  Stamp(dir_.path() + "/logs/service");
  clock_.Advance(kDay * 401);
  reconciler_->RunOnce();
  EXPECT_THAT(LogsOf(), ElementsAre("models/m/versions/v"));
}

TEST_F(RetentionTest, PassesComeOnceAnInterval) {
  EXPECT_EQ(reconciler_->RunOnce(), std::chrono::hours(1));
  clock_.Advance(std::chrono::minutes(20));
  EXPECT_EQ(reconciler_->RunOnce(), std::chrono::minutes(40));
}

}  // namespace
}  // namespace hodei::retention
