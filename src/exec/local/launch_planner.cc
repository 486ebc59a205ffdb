#include "exec/local/launch_planner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/digest.h"
#include "base/random_id.h"
#include "exec/sandbox/network.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

// Host users of jobs: far above what people and distributions use, below what 32 bits end at.
constexpr uint32_t kFirstJobUid = 0x70000000;
constexpr uint32_t kJobUids = 0x0FFFFFFF;
constexpr size_t kResolvConfBytes = 64 << 10;

uint32_t NewJobUid() {
  // Random, not counted: two servers on one machine need not know of each other.
  const std::string bytes = RandomBytes(4);
  uint32_t number = 0;
  for (char byte : bytes) number = number * 256 + static_cast<unsigned char>(byte);
  return kFirstJobUid + number % kJobUids;
}

}  // namespace

Result<LaunchPlan> LaunchPlanner::Plan(const ReplicaSpec& spec) const {
  LaunchPlan plan;
  plan.spec = spec;
  plan.tier = tier_.capabilities.tier;
  plan.cgroups = CgroupsFor(tier_.cgroups, spec.id);
  plan.bwrap_path = options_.bwrap_path;
  plan.init_path = options_.bin_dir + "/hodei-replica-init";
  if (tier_.capabilities.bucket_files) plan.bucketfs_path = options_.bin_dir + "/hodei-bucketfs";
  plan.seccomp_path = options_.dir + "/templates/seccomp.bpf";
  plan.network_lock = kNetworkLock;
  RETURN_IF_ERROR(PlanGpus(plan));
  RETURN_IF_ERROR(PlanNetwork(&plan));
  if (tier_.root) {
    plan.host_uid = NewJobUid();
  } else {
    plan.scratch_path = options_.dir + "/scratch/" + spec.id;
  }
  return plan;
}

Status LaunchPlanner::PlanGpus(const LaunchPlan& plan) const {
  const std::vector<std::string>& here = tier_.capabilities.gpus;
  for (const std::string& gpu : plan.spec.resources.gpus) {
    if (std::find(here.begin(), here.end(), gpu) == here.end()) {
      return FailedPrecondition(fmt::format("there is no GPU '{}' here", gpu));
    }
  }
  return OkStatus();
}

Status LaunchPlanner::PlanNetwork(LaunchPlan* plan) const {
  const Capabilities& able = tier_.capabilities;
  Network& network = plan->spec.network;
  // A bridge for one would cost every start some 20 ms, and nobody could be reached over it.
  if (!network.group.empty() && network.group_host_names.size() > 1) {
    if (!able.network_groups) {
      return FailedPrecondition("replicas cannot reach each other here: " + able.tier_summary);
    }
    plan->group_netns = instance_ + "-" + Sha256Hex(network.group).substr(0, 16);
  }
  if (!able.internet) network.egress = Egress::kNone;  // said in the warnings
  if (network.egress != Egress::kInternet) return OkStatus();
  for (const std::string& path : options_.resolv_confs) {
    const auto text = ReadFile(path, kResolvConfBytes);
    if (plan->resolvers.empty() && text.ok()) plan->resolvers = ForwardableResolvers(*text);
  }
  plan->egress_allow = options_.egress_allow;
  return OkStatus();
}

}  // namespace hodei::exec
