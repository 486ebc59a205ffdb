// The reconciler with its side threads: what takes long delays nobody else, and what is under way
// when a job or the server ends leaves nothing behind.
#include <gmock/gmock.h>

#include <future>
#include <latch>
#include <thread>

#include "domain/jobs/testing/job_world.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::TrainingInput;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::chrono::minutes kPatience{1};

class ReconcilerSideWorkTest : public ::testing::Test {
 protected:
  ReconcilerSideWorkTest() { world_.options.side_threads = 2; }
  // Joins the side threads before what the test's hooks capture goes.
  ~ReconcilerSideWorkTest() override { world_.Restart(); }

  // Runs until `done`, waking for whatever the side threads bring.
  bool RunUntil(const std::function<bool()>& done) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!done()) {
      if (std::chrono::steady_clock::now() > end) return false;
      world_.Run();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // others work; not to spin
    }
    return true;
  }
  bool RunUntilState(const std::string& id, Job::State state) {
    return RunUntil([&] { return world_.Get(id).state() == state; });
  }
  JobRecord WithWorkers(const std::string& id, int workers) {
    JobRecord record = world_.NewJob(id);
    auto* input = record.mutable_job()->mutable_training_input();
    input->set_scale_tier(TrainingInput::CUSTOM);
    input->set_master_type("n1-highmem-2");
    input->set_worker_type("n1-highmem-2");
    input->set_worker_count(workers);
    return record;
  }
  // Ensure() of this job waits until the promise is kept.
  void HoldPackagesOf(const std::string& uid, std::shared_future<void> released) {
    world_.environments.SetEnsureHook([uid, released](const environments::Request& request) {
      if (request.build_id.starts_with(uid)) released.wait();
    });
  }

  JobWorld world_;
};

TEST_F(ReconcilerSideWorkTest, PackagesThatTakeLongDelayNoOtherJob) {
  const JobRecord slow = world_.NewJob("slow");
  std::promise<void> release;
  HoldPackagesOf(slow.uid(), release.get_future().share());
  world_.Submit(slow);
  world_.Submit(world_.NewJob("fast"));
  EXPECT_TRUE(RunUntilState("fast", Job::RUNNING));
  EXPECT_EQ(world_.Get("slow").state(), Job::PREPARING);
  EXPECT_THAT(world_.reconciler().Explain(world_.Record("slow")).reason,
              ::testing::HasSubstr("packages are being copied"));
  release.set_value();
  EXPECT_TRUE(RunUntilState("slow", Job::RUNNING));
}

TEST_F(ReconcilerSideWorkTest, ACancelledJobWaitsForItsCopyAndLeavesNoFolder) {
  const JobRecord slow = world_.NewJob("slow");
  std::promise<void> release;
  HoldPackagesOf(slow.uid(), release.get_future().share());
  world_.Submit(slow);
  ASSERT_TRUE(RunUntilState("slow", Job::PREPARING));
  world_.Cancel("slow");
  EXPECT_TRUE(RunUntilState("slow", Job::CANCELLED));
  release.set_value();
  const std::string packages = JobFolders(world_.options.jobs_dir, slow.uid()).packages;
  EXPECT_TRUE(RunUntil([&] { return !FileExists(packages); }));
  EXPECT_THAT(world_.executor.specs(), IsEmpty());
}

TEST_F(ReconcilerSideWorkTest, NewsDuringALookAtTheEnvironmentIsNotMissed) {
  const JobRecord job = world_.NewJob("j");
  world_.environments.SetState({.phase = environments::State::kBuilding, .waiting_for = "pip"});
  std::promise<void> release;
  HoldPackagesOf(job.uid(), release.get_future().share());
  world_.Submit(job);
  ASSERT_TRUE(RunUntilState("j", Job::PREPARING));
  world_.environments.SetState({.phase = environments::State::kReady});
  release.set_value();
  EXPECT_TRUE(RunUntilState("j", Job::RUNNING));
}

TEST_F(ReconcilerSideWorkTest, ReplicasOfAJobAreStartedBesideEachOther) {
  std::latch both(2);
  world_.executor.SetStartHook([&](const exec::ReplicaSpec&) { both.arrive_and_wait(); });
  world_.Submit(WithWorkers("j", 1));
  EXPECT_TRUE(RunUntilState("j", Job::RUNNING));
}

TEST_F(ReconcilerSideWorkTest, MoreReplicasThanTasksMayBeUnderWayAreAllStarted) {
  world_.options.side_threads = 3;
  world_.Submit(WithWorkers("j", kSideTasksMax + 10));
  EXPECT_TRUE(RunUntilState("j", Job::RUNNING));
  EXPECT_THAT(world_.executor.running(), SizeIs(kSideTasksMax + 11));
  for (const std::string& id : world_.executor.running()) world_.executor.Exit(id);
  EXPECT_TRUE(RunUntilState("j", Job::SUCCEEDED));
  EXPECT_TRUE(RunUntil([&] { return world_.executor.List()->empty(); }));
}

TEST_F(ReconcilerSideWorkTest, AStartUnderWayWhenTheJobIsCancelledIsStoppedAndRemoved) {
  std::promise<void> begun;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  world_.executor.SetStartHook([&](const exec::ReplicaSpec&) {
    begun.set_value();
    released.wait();
  });
  world_.Submit(world_.NewJob("j"));
  std::future<void> started = begun.get_future();
  ASSERT_TRUE(RunUntil(
      [&] { return started.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  world_.Cancel("j");
  ASSERT_TRUE(RunUntil([&] { return world_.Get("j").state() != Job::PREPARING; }));
  release.set_value();
  EXPECT_TRUE(RunUntilState("j", Job::CANCELLED));
  EXPECT_TRUE(RunUntil([&] { return world_.executor.List()->empty(); }));
}

TEST_F(ReconcilerSideWorkTest, AServerThatEndsDuringAStartStartsNothingTwice) {
  std::promise<void> begun;
  world_.executor.SetStartHook([&](const exec::ReplicaSpec&) { begun.set_value(); });
  world_.Submit(world_.NewJob("j"));
  std::future<void> started = begun.get_future();
  ASSERT_TRUE(RunUntil(
      [&] { return started.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
  world_.Restart();
  EXPECT_TRUE(RunUntilState("j", Job::RUNNING));
  EXPECT_THAT(world_.executor.specs(), SizeIs(1));
}

TEST_F(ReconcilerSideWorkTest, AStartThatMayPassIsTriedAgainInItsTime) {
  world_.executor.FailStarts(ResourceExhausted("disk full"), 3);
  world_.Submit(world_.NewJob("j"));
  EXPECT_TRUE(RunUntil([&] {
    return world_.reconciler().Explain(world_.Record("j")).reason.find("disk full") !=
           std::string::npos;
  }));
  EXPECT_THAT(world_.executor.specs(), IsEmpty());
  EXPECT_TRUE(RunUntil([&] {
    world_.clock.Advance(std::chrono::seconds(1));
    return world_.Get("j").state() == Job::RUNNING;
  }));
}

}  // namespace
}  // namespace hodei::jobs
