#include "domain/jobs/reconciler.h"

#include <gmock/gmock.h>

#include <future>

#include "base/testing/status_matchers.h"
#include "domain/jobs/testing/job_world.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::TrainingInput;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

class JobReconcilerTest : public ::testing::Test {
 protected:
  JobRecord WithWorkers(const std::string& id, int workers) {
    JobRecord record = world_.NewJob(id);
    auto* input = record.mutable_job()->mutable_training_input();
    input->set_scale_tier(TrainingInput::CUSTOM);
    input->set_master_type("n1-highmem-2");
    input->set_worker_type("n1-highmem-2");
    input->set_worker_count(workers);
    return record;
  }
  std::string Why(const std::string& id) {
    return world_.reconciler().Explain(world_.Record(id)).reason;
  }

  JobWorld world_;
};

TEST_F(JobReconcilerTest, RunsAJobFromQueueToSuccess) {
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  Job job = world_.Get("j");
  EXPECT_EQ(job.state(), Job::RUNNING);
  EXPECT_TRUE(job.has_start_time());
  EXPECT_FALSE(job.has_end_time());
  EXPECT_THAT(world_.sockets.open(), ElementsAre("projects/p/jobs/j"));
  const exec::ReplicaSpec spec = world_.executor.spec(world_.Replica("j", "master"));
  EXPECT_EQ(spec.env.at("CLOUD_ML_JOB_ID"), "j");
  EXPECT_EQ(spec.env.at("CLOUD_ML_PROJECT_ID"), "p");
  EXPECT_EQ(spec.env.at("CLOUD_ML_REGION"), "us-central1");
  EXPECT_EQ(spec.resources.cpu_millis, 4000);

  world_.clock.Advance(std::chrono::hours(2));
  world_.executor.Exit(world_.Replica("j", "master"));
  world_.Run();
  job = world_.Get("j");
  EXPECT_EQ(job.state(), Job::SUCCEEDED);
  EXPECT_TRUE(job.has_end_time());
  EXPECT_DOUBLE_EQ(job.training_output().consumed_ml_units(), 0.77);
  EXPECT_THAT(world_.sockets.open(), IsEmpty());
  EXPECT_THAT(world_.executor.running(), IsEmpty());
  EXPECT_THAT(
      world_.log.Texts("j"),
      ElementsAre("Validating job requirements...",
                  "Job creation request has been successfully validated.", "Job j is queued.",
                  "Waiting for job to be provisioned.", "Job is preparing.",
                  "Waiting for training program to start.", "Job is running.",
                  "Finished tearing down training program.", "Job completed successfully."));
}

TEST_F(JobReconcilerTest, FailureTellsStatusTracebackAndWhereTheLogsAre) {
  world_.log.SetTail({"epoch 1", "Traceback (most recent call last):", "  File \"t.py\", line 3",
                      "ValueError: no"});
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  world_.executor.Exit(world_.Replica("j", "master"), {.exit_code = 1});
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::FAILED);
  EXPECT_EQ(
      world_.Get("j").error_message(),
      "The replica master 0 exited with a non-zero status of 1. Termination reason: Error.\n"
      "Traceback (most recent call last):\n  File \"t.py\", line 3\nValueError: no\n\n"
      "To find out more about why your job exited please check the logs: hodei ml-engine jobs "
      "stream-logs j");
}

TEST_F(JobReconcilerTest, StandardTierRunsItsEightReplicasTogetherOnASmallHost) {
  world_.executor.mutable_capabilities().cpu_millis = 2000;
  world_.executor.mutable_capabilities().memory_bytes = 8'000'000'000;
  JobRecord record = world_.NewJob("j");
  record.mutable_job()->mutable_training_input()->set_scale_tier(TrainingInput::STANDARD_1);
  world_.Submit(record);
  world_.Run();
  EXPECT_THAT(world_.executor.running(), SizeIs(8));
  for (const exec::ReplicaSpec& spec : world_.executor.specs()) {
    EXPECT_EQ(spec.resources.cpu_millis, 2000);
    EXPECT_LE(spec.resources.memory_bytes, 8'000'000'000);
    EXPECT_THAT(spec.network.group_host_names, SizeIs(8));
    EXPECT_EQ(spec.network.group, world_.executor.specs()[0].network.group);
  }
  EXPECT_THAT(world_.log.Texts("j"), Contains(HasSubstr("It runs with 2 CPUs, 8.0 GB of memory")));
  world_.executor.Exit(world_.Replica("j", "master"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::SUCCEEDED);
  EXPECT_THAT(world_.executor.running(), IsEmpty());
}

TEST_F(JobReconcilerTest, WorkerIsRestartedFiveTimesThenTheJobFails) {
  world_.Submit(WithWorkers("j", 1));
  world_.Run();
  for (int restarts = 0; restarts < kReplicaRestartsMax; ++restarts) {
    ASSERT_TRUE(world_.executor.Exit(world_.Replica("j", "worker"), {.exit_code = 3}));
    world_.Run();
    EXPECT_THAT(world_.executor.running(), SizeIs(1)) << "no restart before its time";
    world_.Advance(RestartBackoff(restarts));
    EXPECT_THAT(world_.executor.running(), SizeIs(2)) << restarts;
  }
  world_.executor.Exit(world_.Replica("j", "worker"), {.exit_code = 3});
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::FAILED);
  EXPECT_THAT(world_.Get("j").error_message(),
              StartsWith("The replica was restarted 5 times and failed again. The replica worker 0 "
                         "exited with a non-zero status of 3."));
}

TEST_F(JobReconcilerTest, LostAttemptsAreTriedThreeTimesInAll) {
  world_.Submit(WithWorkers("j", 1));
  world_.Run();
  for (int attempt = 1; attempt < kAttemptsMax; ++attempt) {
    EXPECT_EQ(world_.Record("j").attempt().number(), attempt);
    world_.executor.Lose(world_.Replica("j", "worker"));
    world_.Run();
    EXPECT_EQ(world_.Get("j").state(), Job::RUNNING);
    EXPECT_THAT(world_.executor.running(), SizeIs(2));
  }
  world_.executor.Lose(world_.Replica("j", "master"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").error_message(),
            "The job was lost 3 times and is not tried again. The last time: the replica master 0 "
            "was lost: the machine restarted");
}

TEST_F(JobReconcilerTest, CancelEndsAJobInEveryState) {
  world_.executor.mutable_capabilities().cpu_millis = 4000;
  world_.Submit(world_.NewJob("running"));
  world_.Submit(world_.NewJob("queued"));
  world_.Run();
  EXPECT_EQ(world_.Get("queued").state(), Job::QUEUED);
  world_.Cancel("queued");
  world_.Run();
  EXPECT_EQ(world_.Get("queued").state(), Job::CANCELLED);
  world_.executor.SetStopEnds(false);
  world_.Cancel("running");
  world_.Run();
  EXPECT_EQ(world_.Get("running").state(), Job::CANCELLING);
  EXPECT_FALSE(world_.Get("running").has_end_time());
  world_.executor.Exit(world_.Replica("running", "master"), {.signal = 9, .stopped = true});
  world_.Run();
  EXPECT_EQ(world_.Get("running").state(), Job::CANCELLED);

  world_.environments.SetState({.phase = environments::State::kBuilding, .waiting_for = "pip"});
  world_.Submit(world_.NewJob("preparing"));
  world_.Run();
  EXPECT_EQ(world_.Get("preparing").state(), Job::PREPARING);
  EXPECT_EQ(Why("preparing"), "Waits for its Python environment: pip.");
  world_.Cancel("preparing");
  world_.Run();
  EXPECT_EQ(world_.Get("preparing").state(), Job::CANCELLED);
  EXPECT_FALSE(world_.Get("preparing").has_start_time());
}

TEST_F(JobReconcilerTest, QueueIsServedByPriorityThenAgeAndTellsWhy) {
  world_.executor.mutable_capabilities().cpu_millis = 4000;
  world_.Submit(world_.NewJob("first"));
  world_.Run();
  world_.Submit(world_.NewJob("second"));
  JobRecord urgent = world_.NewJob("urgent");
  urgent.mutable_job()->mutable_training_input()->mutable_scheduling()->set_priority(10);
  world_.Submit(urgent);
  world_.Run();
  EXPECT_EQ(world_.reconciler().Position(JobWorld::Name("urgent")), 1);
  EXPECT_EQ(world_.reconciler().Position(JobWorld::Name("second")), 2);
  EXPECT_THAT(Why("second"), AllOf(HasSubstr("behind 1 job"), HasSubstr("4 CPUs")));
  EXPECT_THAT(Why("urgent"), HasSubstr("First in the queue"));
  world_.executor.Exit(world_.Replica("first", "master"));
  world_.Run();
  EXPECT_EQ(world_.Get("urgent").state(), Job::RUNNING);
  EXPECT_EQ(world_.Get("second").state(), Job::QUEUED);
}

TEST_F(JobReconcilerTest, StrictPolicyKeepsTooLargeJobsQueuedWithTheReason) {
  world_.options.policy = CapacityPolicy::kStrict;
  world_.executor.mutable_capabilities().cpu_millis = 4000;
  JobRecord large = world_.NewJob("large");
  large.mutable_job()->mutable_training_input()->set_scale_tier(TrainingInput::STANDARD_1);
  world_.Submit(large);
  world_.Submit(world_.NewJob("small"));
  world_.Run();
  EXPECT_EQ(world_.Get("large").state(), Job::QUEUED);
  EXPECT_EQ(world_.Get("small").state(), Job::RUNNING);
  EXPECT_THAT(Why("large"), HasSubstr("capacity.policy is 'strict'"));
}

TEST_F(JobReconcilerTest, TimeLimitsCancel) {
  world_.executor.mutable_capabilities().cpu_millis = 4000;
  JobRecord runner = world_.NewJob("runner");
  auto* scheduling = runner.mutable_job()->mutable_training_input()->mutable_scheduling();
  scheduling->mutable_max_running_time()->set_seconds(7200);
  world_.Submit(runner);
  world_.Run();
  JobRecord waiter = world_.NewJob("waiter");
  waiter.mutable_job()
      ->mutable_training_input()
      ->mutable_scheduling()
      ->mutable_max_wait_time()
      ->set_seconds(1800);
  world_.Submit(waiter);
  world_.Run();
  world_.clock.JumpWall(std::chrono::hours(100));
  world_.Advance(std::chrono::seconds(1799));
  EXPECT_EQ(world_.Get("waiter").state(), Job::QUEUED) << "a jump of the clock is not time";
  world_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(world_.Get("waiter").state(), Job::CANCELLED);
  EXPECT_THAT(world_.Get("waiter").error_message(),
              StartsWith("The job was cancelled because it did not start within its maxWaitTime of "
                         "1800 seconds. First in the queue"));
  world_.Advance(std::chrono::seconds(7200));
  EXPECT_EQ(world_.Get("runner").state(), Job::CANCELLED);
  EXPECT_EQ(world_.Get("runner").error_message(),
            "The job was cancelled because it ran longer than its maxRunningTime of 7200 seconds.");
}

TEST_F(JobReconcilerTest, RestartAdoptsWhatRunsAndReopensItsSocket) {
  world_.Submit(WithWorkers("j", 1));
  world_.Run();
  const auto running = world_.executor.running();
  world_.Restart();
  (void)world_.sockets.Close(JobWorld::Name("j"));
  world_.Run();
  EXPECT_EQ(world_.executor.running(), running);
  EXPECT_THAT(world_.sockets.open(), ElementsAre(JobWorld::Name("j")));
  world_.executor.Exit(world_.Replica("j", "master"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::SUCCEEDED);
}

TEST_F(JobReconcilerTest, BuildFailureFailsTheJobWithTheBuildersWords) {
  world_.environments.SetState({.phase = environments::State::kFailed, .error = "pip said no"});
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::FAILED);
  EXPECT_THAT(world_.Get("j").error_message(), StartsWith("pip said no\n\nTo find out more"));
}

TEST_F(JobReconcilerTest, DeletedPackageFailsTheJobClearly) {
  JobRecord record = world_.NewJob("j");
  ASSERT_THAT(world_.objects->DeleteObject("bucket", "trainer-0.1.tar.gz", std::nullopt, {}),
              testing::IsOk());
  world_.Submit(record);
  world_.Run();
  EXPECT_THAT(world_.Get("j").error_message(),
              StartsWith("The package gs://bucket/trainer-0.1.tar.gz cannot be read any more"));
}

TEST_F(JobReconcilerTest, StartThatFailsForGoodUsesUpTheAttempts) {
  world_.executor.FailStarts(Internal("no sandbox"), 3);
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::FAILED);
  EXPECT_THAT(world_.Get("j").error_message(), HasSubstr("it could not be started: no sandbox"));
}

TEST_F(JobReconcilerTest, StartThatMayPassIsTriedAgain) {
  world_.executor.FailStarts(ResourceExhausted("disk full"), 3);
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::PREPARING);
  EXPECT_THAT(Why("j"), HasSubstr("disk full"));
  for (int i = 0; i < 3; ++i) world_.Advance(std::chrono::seconds(1));
  EXPECT_EQ(world_.Get("j").state(), Job::RUNNING);
  EXPECT_EQ(Why("j"), "It is running.");
}

TEST_F(JobReconcilerTest, LabelsPatchedMeanwhileSurvive) {
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  ASSERT_THAT(JobTable(world_.store.get())
                  .Update(JobWorld::Name("j"),
                          [](JobRecord* record) -> Result<bool> {
                            (*record->mutable_job()->mutable_labels())["a"] = "b";
                            return true;
                          }),
              testing::IsOk());
  world_.executor.Exit(world_.Replica("j", "master"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::SUCCEEDED);
  EXPECT_EQ(world_.Get("j").labels().at("a"), "b");
}

TEST_F(JobReconcilerTest, AJobSeesItsGpusAndAnotherNone) {
  world_.executor.mutable_capabilities().gpus = {"3", "5", "7"};
  JobRecord record = WithWorkers("two", 1);
  auto* input = record.mutable_job()->mutable_training_input();
  input->mutable_master_config()->mutable_accelerator_config()->set_count(2);
  input->mutable_master_config()->mutable_accelerator_config()->set_type(
      google::cloud::ml::v1::NVIDIA_TESLA_T4);
  world_.Submit(record);
  world_.Run();
  const exec::ReplicaSpec master = world_.executor.spec(world_.Replica("two", "master"));
  EXPECT_THAT(master.resources.gpus, ElementsAre("3", "5"));
  EXPECT_EQ(master.env.at("CUDA_VISIBLE_DEVICES"), "0,1");
  const exec::ReplicaSpec worker = world_.executor.spec(world_.Replica("two", "worker"));
  EXPECT_THAT(worker.resources.gpus, IsEmpty());
  EXPECT_FALSE(worker.env.contains("CUDA_VISIBLE_DEVICES"));
}

TEST_F(JobReconcilerTest, WithoutAGpuFitRunsOnCpusAndSaysSo) {
  JobRecord record = world_.NewJob("j");
  record.mutable_job()->mutable_training_input()->set_scale_tier(TrainingInput::BASIC_GPU);
  world_.Submit(record);
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::RUNNING);
  EXPECT_THAT(world_.log.Texts("j"), Contains(HasSubstr("1 GPU together, and this host has less")));
}

TEST_F(JobReconcilerTest, WithoutAGpuStrictWaitsAndSaysWhy) {
  world_.options.policy = CapacityPolicy::kStrict;
  JobRecord record = world_.NewJob("j");
  record.mutable_job()->mutable_training_input()->set_scale_tier(TrainingInput::BASIC_GPU);
  world_.Submit(record);
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::QUEUED);
  EXPECT_THAT(Why("j"), AllOf(HasSubstr("1 GPU"), HasSubstr("capacity.policy is 'strict'")));
}

TEST_F(JobReconcilerTest, WhatAJobWaitsForIsToldAnewWhileItBuilds) {
  world_.environments.SetState(
      {.phase = environments::State::kBuilding, .waiting_for = "pip (1 s so far)"});
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  EXPECT_THAT(Why("j"), HasSubstr("1 s so far"));
  world_.environments.OnChange([] {});  // no news but the time
  world_.environments.SetState(
      {.phase = environments::State::kBuilding, .waiting_for = "pip (9 s so far)"});
  world_.Advance(std::chrono::seconds(2));
  EXPECT_THAT(Why("j"), HasSubstr("9 s so far"));
}

TEST_F(JobReconcilerTest, GpusAreGivenOnceAndComeBack) {
  world_.executor.mutable_capabilities().gpus = {"gpu0"};
  for (const char* id : {"a", "b"}) {
    JobRecord record = world_.NewJob(id);
    record.mutable_job()->mutable_training_input()->set_scale_tier(TrainingInput::BASIC_GPU);
    world_.Submit(record);
  }
  world_.Run();
  EXPECT_THAT(world_.executor.spec(world_.Replica("a", "master")).resources.gpus,
              ElementsAre("gpu0"));
  EXPECT_EQ(world_.Get("b").state(), Job::QUEUED);
  world_.executor.Exit(world_.Replica("a", "master"));
  world_.Run();
  EXPECT_THAT(world_.executor.spec(world_.Replica("b", "master")).resources.gpus,
              ElementsAre("gpu0"));
}

// The store, but reading jobs fails while `broken`.
class BlindStore : public store::MetaStore {
 public:
  explicit BlindStore(store::MetaStore* store) : store_(store) {}
  Result<store::Record> Get(std::string_view kind, std::string_view name) override {
    if (broken) return Unavailable("disk");
    return store_->Get(kind, name);
  }
  Result<store::ListPage> List(std::string_view kind, const store::ListOptions& options) override {
    return store_->List(kind, options);
  }
  Result<std::vector<int64_t>> Commit(const std::vector<store::Write>& writes) override {
    return store_->Commit(writes);
  }
  std::unique_ptr<Watch> WatchKind(
      std::string_view kind,
      std::function<void(const std::vector<std::string>&)> changed) override {
    return store_->WatchKind(kind, std::move(changed));
  }
  bool broken = false;

 private:
  store::MetaStore* const store_;
};

TEST_F(JobReconcilerTest, ReplicasOfAJobThatCannotBeReadNowAreLeftAlone) {
  BlindStore store(world_.store.get());
  world_.store_seen = &store;
  world_.Submit(world_.NewJob("j"));
  world_.Run();
  world_.Restart();
  store.broken = true;
  world_.Advance(std::chrono::seconds(10));
  EXPECT_THAT(world_.executor.running(), SizeIs(1));
  store.broken = false;
  world_.Advance(std::chrono::seconds(10));
  world_.executor.Exit(world_.Replica("j", "master"));
  world_.Run();
  EXPECT_EQ(world_.Get("j").state(), Job::SUCCEEDED);
  world_.Restart();
}

TEST_F(JobReconcilerTest, ItsOwnThreadWakesForJobsAndReplicas) {
  std::promise<std::string> started;
  world_.executor.SetStartHook([&](const exec::ReplicaSpec& spec) { started.set_value(spec.id); });
  std::promise<void> ended;
  const auto watch = world_.store->WatchKind(kJobKind, [&](const std::vector<std::string>&) {
    if (world_.Get("j").state() == Job::SUCCEEDED) ended.set_value();
  });
  world_.reconciler().Start();
  world_.Submit(world_.NewJob("j"));
  std::future<std::string> id = started.get_future();
  ASSERT_EQ(id.wait_for(std::chrono::minutes(1)), std::future_status::ready);
  world_.executor.Exit(id.get());
  EXPECT_EQ(ended.get_future().wait_for(std::chrono::minutes(1)), std::future_status::ready);
  world_.Restart();
}

TEST_F(JobReconcilerTest, ReplicasThatNoRecordWantsAreStopped) {
  exec::ReplicaSpec spec;
  spec.id = "job-unknown-a1-master-0-r0";
  spec.argv = {"/bin/true"};
  ASSERT_THAT(world_.executor.Start(spec), testing::IsOk());
  spec.id = "env-build";
  ASSERT_THAT(world_.executor.Start(spec), testing::IsOk());
  world_.Run();
  EXPECT_THAT(world_.executor.running(), ElementsAre("env-build"));
}

}  // namespace
}  // namespace hodei::jobs
