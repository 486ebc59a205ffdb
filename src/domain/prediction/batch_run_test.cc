// A whole run over fakes: the executor runs nothing, and what a worker would answer comes from a
// real HTTP server in this process.
#include "domain/prediction/batch_run.h"

#include <gmock/gmock.h>

#include <condition_variable>
#include <mutex>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/environments/testing/fake_environments.h"
#include "domain/jobs/testing/fake_job_log.h"
#include "domain/serving/model_files.h"
#include "exec/testing/fake_executor.h"
#include "net/testing/function_application.h"
#include "sys/file.h"

namespace hodei::prediction {
namespace {

using google::cloud::ml::v1::Job;
using hodei::testing::IsOk;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kJob[] = "projects/p/jobs/j";
constexpr char kUid[] = "uidj";
constexpr char kCompiled[] = "HCF1 and what follows";

class FakeHost : public serving::ServingHost {
 public:
  int64_t total_memory_bytes() const override { return 16LL << 30; }
  int64_t jobs_memory_bytes() const override { return 0; }
  int64_t held_memory_bytes() const override { return 0; }
  void Hold(const std::string&, int64_t) override {}
};

// One result and the count of a batch with one prediction.
std::string OneAnswer() {
  return std::string("R\x02\0\0\0", 5) + "1\n" + std::string("C\x10\0\0\0", 5) +
         std::string("\x01\0\0\0\0\0\0\0", 8) + std::string(8, '\0');
}

class BatchRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    store::Bucket bucket;
    bucket.set_name("bucket");
    ASSERT_THAT(objects_->CreateBucket(bucket), IsOk());
    ASSERT_THAT(node_.server().ListenUnix(socket_, 0666, "node"), IsOk());
    executor_.SetStartHook(
        [this](const exec::ReplicaSpec& spec) { executor_.SetSocket(spec.id, socket_); });
  }
  models::SourceFile Put(const std::string& name, const std::string& bytes) {
    models::SourceFile file;
    auto writer = objects_->NewWriter();
    EXPECT_THAT((*writer)->Append(bytes), IsOk());
    store::Object object;
    object.set_bucket("bucket");
    object.set_name(name);
    const auto stored = (*writer)->Commit(object, {}, {});
    EXPECT_THAT(stored, IsOk());
    file.set_path(name);
    file.set_bucket("bucket");
    file.set_object(name);
    file.set_generation(stored->generation());
    file.set_size_bytes(static_cast<int64_t>(bytes.size()));
    return file;
  }
  // A job over one line, of the version `version_uid`.
  void MakeJob(const std::string& version_uid) {
    jobs::JobRecord record;
    record.set_project("p");
    record.set_uid(kUid);
    record.mutable_job()->set_job_id("j");
    record.mutable_job()->set_state(Job::QUEUED);
    auto* input = record.mutable_job()->mutable_prediction_input();
    input->set_data_format(google::cloud::ml::v1::PredictionInput::JSON);
    jobs::Batch* batch = record.mutable_batch();
    batch->set_version_uid(version_uid);
    batch->mutable_spec()->set_machine_type("mls1-c1-m2");
    *batch->mutable_source()->add_files() = Put("model.joblib", "a pickle");
    *batch->add_inputs() = Put("input.json", "[1]\n");
    batch->set_output_bucket("bucket");
    batch->set_output_prefix("out/");
    models::ModelSource all = batch->source();
    all.mutable_files()->MergeFrom(batch->inputs());
    ASSERT_THAT(serving::HoldSource(objects_.get(), HolderOfBatch(kUid), all), IsOk());
    ASSERT_THAT(table_.Create(record), IsOk());
  }
  std::string FolderOf(const std::string& uid) { return directory_.path() + "/jobs/" + uid; }
  // What the version's first node gave.
  void KeepCompiled(const std::string& uid) {
    const std::string path = serving::CompiledPath(directory_.path() + "/serving", uid);
    ASSERT_THAT(MakeDirectories(path.substr(0, path.rfind('/'))), IsOk());
    ASSERT_THAT(WriteFileDurably(path, kCompiled), IsOk());
  }
  // To its end; threads and sockets are real, so it may take real time, at most 20 s.
  Job::State Run() {
    std::mutex mutex;
    std::condition_variable woken;
    bool ended = false;
    BatchRun run({.jobs_dir = directory_.path() + "/jobs",
                  .serving_dir = directory_.path() + "/serving",
                  .node = {.program_dir = "/bin"}},
                 {.store = store_.get(),
                  .objects = objects_.get(),
                  .executor = &executor_,
                  .environments = &environments_,
                  .log = &log_,
                  .host = &host_,
                  .clock = &clock_},
                 kJob, [&] {
                   const std::lock_guard lock(mutex);
                   ended = true;
                   woken.notify_all();
                 });
    std::unique_lock lock(mutex);
    EXPECT_TRUE(woken.wait_for(lock, std::chrono::seconds(20), [&] { return ended; }));
    return table_.Get(kJob)->record.job().state();
  }

  TemporaryDirectory directory_;
  const std::string socket_ = directory_.path() + "/node.sock";
  hodei::testing::FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  std::unique_ptr<store::ObjectStore> objects_ = store::MakeMemoryObjectStore(&clock_);
  exec::FakeExecutor executor_{clock_};
  environments::FakeEnvironments environments_;
  jobs::FakeJobLog log_;
  FakeHost host_;
  jobs::JobTable table_{store_.get()};
  // What workers found beside their model, while they ran.
  std::mutex mutex_;
  std::string config_;    // guarded by mutex_
  std::string compiled_;  // guarded by mutex_
  net::testing::TestServer node_{[this](const net::RequestHead& head) {
    return net::testing::Reply(head, [this](const net::RequestHead& asked, const std::string&) {
      if (asked.path() != "/batch") return net::TextResponse(200, "application/json", "{}");
      const std::lock_guard lock(mutex_);
      config_ = ReadFile(FolderOf(kUid) + "/config/config.json").value_or("");
      compiled_ = ReadFile(FolderOf(kUid) + "/config/compiled").value_or("");
      return net::TextResponse(200, "application/x-hodei-batch", OneAnswer());
    });
  }};
};

TEST_F(BatchRunTest, WorkersStartFromTheCompiledFormThatTheVersionKeeps) {
  KeepCompiled("uidv");
  MakeJob("uidv");
  EXPECT_EQ(Run(), Job::SUCCEEDED);
  EXPECT_THAT(config_, HasSubstr(R"("compiled":"/serve/compiled")"));
  EXPECT_EQ(compiled_, kCompiled);
  EXPECT_FALSE(FileExists(FolderOf(kUid) + "/config"));
  EXPECT_TRUE(FileExists(serving::CompiledPath(directory_.path() + "/serving", "uidv")));
  EXPECT_THAT(objects_->GetObject("bucket", "out/prediction.results-00000-of-00001", {}, {}),
              IsOk());
}

TEST_F(BatchRunTest, WithoutOneWorkersLoadTheModelItself) {
  KeepCompiled("uidv");
  MakeJob("uidother");  // has none, or was deleted
  EXPECT_EQ(Run(), Job::SUCCEEDED);
  EXPECT_THAT(config_, Not(HasSubstr("compiled")));
  EXPECT_EQ(compiled_, "");
}

TEST_F(BatchRunTest, AJobByUriHasNoVersionToTakeItFrom) {
  MakeJob("");
  EXPECT_EQ(Run(), Job::SUCCEEDED);
  EXPECT_THAT(config_, Not(HasSubstr("compiled")));
}

TEST_F(BatchRunTest, WhatAnInterruptedRunLeftIsNotUsed) {
  MakeJob("uidgone");
  ASSERT_THAT(MakeDirectories(FolderOf(kUid) + "/config"), IsOk());
  ASSERT_THAT(WriteFileDurably(FolderOf(kUid) + "/config/compiled", "old"), IsOk());
  EXPECT_EQ(Run(), Job::SUCCEEDED);
  EXPECT_THAT(config_, Not(HasSubstr("compiled")));
}

}  // namespace
}  // namespace hodei::prediction
