// From a replica's spec to the plan that its supervisor follows: what this machine adds.
#pragma once

#include <string>

#include "base/status.h"
#include "exec/local/local_executor.h"
#include "exec/local/tier.h"
#include "exec/record/replica_records.h"

namespace hodei::exec {

inline constexpr char kNetworkLock[] = "/run/hodei-network.lock";

// Thread-safe: nothing in it changes.
class LaunchPlanner {
 public:
  // `instance` marks what is this server's in kernel-wide name spaces. Both references outlive it.
  LaunchPlanner(const LocalExecutorOptions& options, const Tier& tier, std::string instance)
      : options_(options), tier_(tier), instance_(std::move(instance)) {}

  // FAILED_PRECONDITION when the machine lacks what the spec asks for.
  Result<LaunchPlan> Plan(const ReplicaSpec& spec) const;

 private:
  Status PlanGpus(const LaunchPlan& plan) const;
  Status PlanNetwork(LaunchPlan* plan) const;

  const LocalExecutorOptions& options_;
  const Tier& tier_;
  const std::string instance_;
};

}  // namespace hodei::exec
