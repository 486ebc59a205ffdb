#include "domain/jobs/plan_jobs.h"

#include <gmock/gmock.h>

namespace hodei::jobs {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kGb = 1'000'000'000;

class PlanJobsTest : public ::testing::Test {
 protected:
  void Queue(const std::string& name, int64_t cpus, int priority = 0, int64_t gpus = 0) {
    queue_.Add({name, priority, ++order_, {cpus * 1000, cpus * kGb, gpus}});
  }
  std::vector<std::string> Plan() {
    std::vector<std::string> names;
    for (const Placement& placement : PlanJobs(queue_, capacity_)) {
      names.push_back(placement.job.name);
    }
    return names;
  }

  JobQueue queue_;
  int64_t order_ = 0;
  CapacitySnapshot capacity_{{8000, 8 * kGb, 1}, {}, CapacityPolicy::kFit};
};

TEST_F(PlanJobsTest, FirstComeFirstServedWithinAPriority) {
  Queue("a", 4);
  Queue("b", 4);
  Queue("urgent", 4, 5);
  EXPECT_THAT(Plan(), ElementsAre("urgent", "a"));
}

TEST_F(PlanJobsTest, ABigJobIsNotOvertakenOnWhatItWaitsFor) {
  capacity_.used = {4000, 4 * kGb, 0};
  Queue("big", 8);
  Queue("small", 1);
  EXPECT_THAT(Plan(), IsEmpty());
}

TEST_F(PlanJobsTest, OthersRunBesideTheReservation) {
  capacity_.used = {1000, 1 * kGb, 1};
  Queue("gpu", 2, 0, 1);
  Queue("beside", 5);
  Queue("into", 1);
  EXPECT_THAT(Plan(), ElementsAre("beside"));
}

TEST_F(PlanJobsTest, FitGivesALargerJobTheWholeHost) {
  Queue("huge", 100, 0, 4);
  const std::vector<Placement> placements = PlanJobs(queue_, capacity_);
  ASSERT_EQ(placements.size(), 1U);
  EXPECT_EQ(placements[0].grant, capacity_.total);
  EXPECT_TRUE(placements[0].clamped);
}

TEST_F(PlanJobsTest, ParallelJobsShareCpusAndNeverMemory) {
  capacity_.parallel_jobs = 4;
  for (const char* name : {"a", "b", "c", "d", "e"}) Queue(name, 100);
  const std::vector<Placement> placements = PlanJobs(queue_, capacity_);
  ASSERT_EQ(placements.size(), 4U);
  int64_t memory = 0;
  for (const Placement& placement : placements) {
    EXPECT_EQ(placement.grant.cpu_millis, 8000);
    EXPECT_TRUE(placement.clamped);
    memory += placement.grant.memory_bytes;
  }
  EXPECT_EQ(memory, capacity_.total.memory_bytes);
  capacity_.used = {4 * 8000, memory, 0};
  EXPECT_THAT(WhyQueued({100'000, 100 * kGb, 0}, 1, capacity_),
              ::testing::HasSubstr("Up to 4 jobs share each CPU (capacity.parallel_jobs)."));
}

TEST_F(PlanJobsTest, StrictJobsGetWhatTheyClaimHoweverManyMayRun) {
  capacity_.policy = CapacityPolicy::kStrict;
  capacity_.parallel_jobs = 4;
  Queue("a", 8);
  Queue("b", 1);
  const std::vector<Placement> placements = PlanJobs(queue_, capacity_);
  ASSERT_EQ(placements.size(), 1U);
  EXPECT_EQ(placements[0].grant, (Claim{8000, 8 * kGb, 0}));
  EXPECT_FALSE(CanEverFit({9000, kGb, 0}, capacity_));
}

TEST_F(PlanJobsTest, StrictKnowsWhatNeverFits) {
  capacity_.policy = CapacityPolicy::kStrict;
  EXPECT_FALSE(CanEverFit({9000, kGb, 0}, capacity_));
  EXPECT_TRUE(CanEverFit({8000, kGb, 0}, capacity_));
}

TEST_F(PlanJobsTest, OnePlanIsBounded) {
  capacity_.total = {1'000'000'000, 1'000'000 * kGb, 0};
  for (size_t i = 0; i < 2 * kPlacementsMax; ++i) Queue(std::to_string(i), 1);
  EXPECT_EQ(Plan().size(), kPlacementsMax);
}

TEST(JobQueue, KeepsOrderAndPositions) {
  JobQueue queue;
  queue.Add({"b", 0, 2, {}});
  queue.Add({"a", 0, 1, {}});
  queue.Add({"c", 7, 3, {}});
  queue.Add({"c", 7, 3, {}});
  EXPECT_EQ(queue.size(), 3U);
  EXPECT_EQ(queue.Position(7, 3), 1U);
  EXPECT_EQ(queue.Position(0, 1), 2U);
  EXPECT_EQ(queue.Position(0, 2), 3U);
  EXPECT_EQ(queue.Position(0, 9), 0U);
  EXPECT_TRUE(queue.Remove(0, 1));
  EXPECT_FALSE(queue.Remove(0, 1));
  EXPECT_EQ(queue.Position(0, 2), 2U);
  EXPECT_EQ(queue.Front()->name, "c");
}

}  // namespace
}  // namespace hodei::jobs
