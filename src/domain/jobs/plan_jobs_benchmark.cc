// Placements per second with a queue of 100,000 jobs: each round plans, places, and one running job
// ends.
#include <benchmark/benchmark.h>

#include <deque>

#include "domain/jobs/plan_jobs.h"

namespace hodei::jobs {
namespace {

void BM_PlacementsWithLongQueue(benchmark::State& state) {
  const Claim each{4000, 15'000'000'000, 0};
  JobQueue queue;
  int64_t order = 0;
  const auto add = [&] {
    ++order;
    queue.Add({"projects/p/jobs/job" + std::to_string(order), static_cast<int32_t>(order % 3),
               order, each});
  };
  for (int64_t i = 0; i < state.range(0); ++i) add();
  CapacitySnapshot capacity{{64'000, 240'000'000'000, 0}, {}, CapacityPolicy::kFit};
  int64_t placed = 0;
  for (auto _ : state) {
    for (const Placement& placement : PlanJobs(queue, capacity)) {
      queue.Remove(placement.job.priority, placement.job.order);
      capacity.used = capacity.used + placement.grant;
      ++placed;
      add();
    }
    capacity.used = capacity.used - each;
  }
  state.SetItemsProcessed(placed);
}
BENCHMARK(BM_PlacementsWithLongQueue)->Arg(1'000)->Arg(100'000);

}  // namespace
}  // namespace hodei::jobs
