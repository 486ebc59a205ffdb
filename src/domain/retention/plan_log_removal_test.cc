#include "domain/retention/plan_log_removal.h"

#include <gmock/gmock.h>

namespace hodei::retention {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WallTime kNow{1'700'000'000'000'000'000};
constexpr LogLimits kLimits{.age = std::chrono::hours(100), .bytes = 1000};

HeldLog Log(const std::string& job, Nanoseconds age, int64_t bytes, bool live = false) {
  return {{.project = "p", .job_id = job, .size_bytes = bytes, .last_write = kNow + -age}, live};
}

std::vector<std::string> Leaving(std::vector<HeldLog> logs, const LogLimits& limits = kLimits) {
  std::vector<std::string> jobs;
  for (const auto& volume : PlanLogRemoval(std::move(logs), limits, kNow)) {
    jobs.push_back(volume.job_id);
  }
  return jobs;
}

using std::chrono::hours;

TEST(PlanLogRemoval, ALogOfExactlyTheAgeStaysAndAnOlderOneLeaves) {
  EXPECT_THAT(Leaving({Log("at", hours(100), 1), Log("over", hours(100) + Nanoseconds(1), 1)}),
              ElementsAre("over"));
}

TEST(PlanLogRemoval, AtTheLimitOfBytesAllStayAndOneByteMoreCostsTheOldest) {
  EXPECT_THAT(Leaving({Log("a", hours(3), 400), Log("b", hours(2), 600)}), IsEmpty());
  EXPECT_THAT(Leaving({Log("b", hours(2), 601), Log("a", hours(3), 400)}), ElementsAre("a"));
}

TEST(PlanLogRemoval, NoMoreThanNeededLeaves) {
  EXPECT_THAT(Leaving({Log("c", hours(2), 500), Log("a", hours(4), 300), Log("b", hours(3), 600)}),
              ElementsAre("a", "b"));
}

TEST(PlanLogRemoval, AJobThatRunsKeepsItsLogWhateverItsAgeAndSize) {
  EXPECT_THAT(Leaving({Log("live", hours(1000), 2000, true), Log("ended", hours(2), 1)}),
              ElementsAre("ended"));
}

TEST(PlanLogRemoval, ALogThatWasWrittenWithinTheLastHourStaysOverAnyLimit) {
  EXPECT_THAT(Leaving({Log("now", hours(1) - Nanoseconds(1), 2000)}, {.age = hours(0), .bytes = 1}),
              IsEmpty());
  EXPECT_THAT(Leaving({Log("rested", hours(1), 2000)}, {.age = hours(0), .bytes = 1}),
              ElementsAre("rested"));
}

TEST(PlanLogRemoval, ALogWithoutAFolderLeaves) {
  EXPECT_THAT(Leaving({{{.project = "p", .job_id = "gone"}}}), ElementsAre("gone"));
}

}  // namespace
}  // namespace hodei::retention
