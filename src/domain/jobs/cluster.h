// The machines that a training input stands for, what they claim and what they cost. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "domain/jobs/machines.h"
#include "google/cloud/ml/v1/training.pb.h"

namespace hodei::jobs {

// Amounts of a host's resources.
struct Claim {
  int64_t cpu_millis = 0;
  int64_t memory_bytes = 0;
  int64_t gpus = 0;
  bool operator==(const Claim&) const = default;
};
Claim operator+(const Claim& a, const Claim& b);
Claim operator-(const Claim& a, const Claim& b);
bool Fits(const Claim& claim, const Claim& free);
// Not more than `limit` in any amount.
Claim Clamp(const Claim& claim, const Claim& limit);
// "8 CPUs, 7.2 GB of memory and 1 GPU".
std::string Describe(const Claim& claim);

inline constexpr int64_t kDefaultDiskGb = 100;

// Replicas that are alike.
struct ReplicaGroup {
  std::string role;  // "master", "worker", "ps", "evaluator"
  int64_t count = 0;
  const MachineType* machine = nullptr;  // of the Machines it was made from
  google::cloud::ml::v1::AcceleratorType accelerator{};
  int64_t accelerator_count = 0;
  int64_t disk_gb = kDefaultDiskGb;
};

// In the order master, worker, ps, evaluator; groups of zero replicas are left out.
struct Cluster {
  std::vector<ReplicaGroup> groups;
};

// `input` must have passed validation against the same `machines`.
Cluster ClusterOf(const Machines& machines, const google::cloud::ml::v1::TrainingInput& input);

Claim ClaimOfReplica(const ReplicaGroup& group);
Claim ClaimOf(const Cluster& cluster);

// ML units per hour: the published price divided by the price of a unit.
double MlUnitsPerHour(const Machines& machines, const Cluster& cluster);
// Units × hours, cut (not rounded, as the original did) to two decimals.
double ConsumedMlUnits(const Machines& machines, const Cluster& cluster,
                       std::chrono::nanoseconds running);

}  // namespace hodei::jobs
