// Which queued jobs start now. A pure function of a snapshot: no clock, no I/O, no lock.
//
// All replicas of a job are placed together or not at all. Jobs start in the queue's order. The
// first that does not fit reserves what it asks for: jobs after it may start only on what remains
// beside that reservation, so that a big job is never overtaken for ever by small ones.
#pragma once

#include <string>
#include <vector>

#include "domain/jobs/cluster.h"
#include "domain/jobs/job_queue.h"

namespace hodei::jobs {

enum class CapacityPolicy {
  kFit,     // a job larger than the host is given all of the host
  kStrict,  // it waits, and says why
};

// At most so many jobs after the first waiting one are looked at.
inline constexpr size_t kLookAheadMax = 64;
// At most so many jobs are placed by one plan; the next plan goes on.
inline constexpr size_t kPlacementsMax = 256;

struct CapacitySnapshot {
  Claim total;  // what jobs may use together
  Claim used;   // the grants of placed jobs
  CapacityPolicy policy = CapacityPolicy::kFit;
  // With kFit a job is granted at most this part of the memory, so that so many run beside each
  // other. Their CPUs may be granted so many times: programs share time, but not memory.
  int64_t parallel_jobs = 1;
};

// What grants are taken from: the CPUs as often as jobs may share them.
Claim RoomOf(const CapacitySnapshot& capacity);

struct Placement {
  QueuedJob job;
  Claim grant;
  bool clamped = false;  // the grant is less than the claim
};

// In the order in which they start. `queue` must hold only jobs for which CanEverFit().
std::vector<Placement> PlanJobs(const JobQueue& queue, const CapacitySnapshot& capacity);

// False for what kStrict never starts on this host.
bool CanEverFit(const Claim& claim, const CapacitySnapshot& capacity);

// A sentence for the job at `position` (1 is the first) of the queue.
std::string WhyQueued(const Claim& claim, size_t position, const CapacitySnapshot& capacity);
// The same for a job that can never fit.
std::string WhyNever(const Claim& claim, const CapacitySnapshot& capacity);

}  // namespace hodei::jobs
