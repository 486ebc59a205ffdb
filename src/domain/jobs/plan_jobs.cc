#include "domain/jobs/plan_jobs.h"

#include <fmt/format.h>

#include <algorithm>

namespace hodei::jobs {
namespace {

Claim GrantFor(const Claim& claim, const CapacitySnapshot& capacity) {
  if (capacity.policy == CapacityPolicy::kStrict) return claim;
  Claim most = capacity.total;
  most.memory_bytes /= capacity.parallel_jobs;
  return Clamp(claim, most);
}

// What is left of `free` beside a reservation of `claim`.
Claim Beside(const Claim& claim, const Claim& free) {
  const Claim left = free - claim;
  return {std::max<int64_t>(left.cpu_millis, 0), std::max<int64_t>(left.memory_bytes, 0),
          std::max<int64_t>(left.gpus, 0)};
}

}  // namespace

Claim RoomOf(const CapacitySnapshot& capacity) {
  Claim room = capacity.total;
  room.cpu_millis *= capacity.parallel_jobs;
  return room;
}

std::vector<Placement> PlanJobs(const JobQueue& queue, const CapacitySnapshot& capacity) {
  std::vector<Placement> placements;
  Claim free = RoomOf(capacity) - capacity.used;
  bool reserved = false;
  size_t looked_ahead = 0;
  queue.ForEach([&](const QueuedJob& job) {
    const Claim grant = GrantFor(job.claim, capacity);
    if (Fits(grant, free)) {
      free = free - grant;
      placements.push_back({job, grant, grant != job.claim});
    } else if (!reserved) {
      reserved = true;
      free = Beside(grant, free);
    }
    if (reserved && ++looked_ahead > kLookAheadMax) return false;
    const bool anything_left = free.cpu_millis > 0 && free.memory_bytes > 0;
    return anything_left && placements.size() < kPlacementsMax;
  });
  return placements;
}

bool CanEverFit(const Claim& claim, const CapacitySnapshot& capacity) {
  return capacity.policy == CapacityPolicy::kFit || Fits(claim, capacity.total);
}

std::string WhyQueued(const Claim& claim, size_t position, const CapacitySnapshot& capacity) {
  const Claim grant = GrantFor(claim, capacity);
  const Claim room = RoomOf(capacity);
  const Claim free = room - capacity.used;
  std::string needs = fmt::format("It needs {}; free are {} of {}.", Describe(grant),
                                  Describe(free), Describe(room));
  if (capacity.parallel_jobs > 1) {
    needs += fmt::format(" Up to {} jobs share each CPU (capacity.parallel_jobs).",
                         capacity.parallel_jobs);
  }
  if (position > 1) {
    return fmt::format("Waits in the queue behind {} {}. {}", position - 1,
                       position == 2 ? "job" : "jobs", needs);
  }
  if (Fits(grant, free)) return "Next in the queue; it is about to start. " + needs;
  return "First in the queue; waits until running jobs free what it needs. " + needs;
}

std::string WhyNever(const Claim& claim, const CapacitySnapshot& capacity) {
  return fmt::format(
      "Its machine types need {}, and this host has {} for jobs. It stays queued because "
      "capacity.policy is 'strict'; with 'fit' it would run with what is there.",
      Describe(claim), Describe(capacity.total));
}

}  // namespace hodei::jobs
