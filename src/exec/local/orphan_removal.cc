#include "exec/local/orphan_removal.h"

#include <chrono>

#include "exec/local/launch_planner.h"
#include "exec/sandbox/cgroup.h"
#include "exec/sandbox/network.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr std::chrono::seconds kKillPatience{5};

void RemoveOrphanCgroups(const std::set<std::string>& known, const CgroupDirectory& parent) {
  const auto children = ListDirectory(parent.path);
  if (!children.ok()) return;
  for (const std::string& child : *children) {
    const std::string path = parent.path + "/" + child;
    if (known.contains(child) || !FileExists(path + "/cgroup.procs")) continue;
    const std::vector<CgroupDirectory> orphan = {{parent.controller, path}};
    KillCgroups(orphan, kKillPatience);
    (void)RemoveCgroups(orphan).ok();
  }
}

}  // namespace

void RemoveOrphans(const KnownReplicas& known, const std::vector<CgroupDirectory>& parents,
                   const std::string& instance, const std::string& scratch_dir) {
  for (const CgroupDirectory& parent : parents) RemoveOrphanCgroups(known.ids, parent);
  for (const std::string& group : ListGroups(instance)) {
    if (!known.groups.contains(group)) (void)RemoveGroup(group).ok();
  }
  // Interfaces die a moment after their replica, so the last removal may have come too early.
  if (FileExists(kForwardingRecord) || FileExists(kRulesRecord)) {
    (void)RemoveUnusedEgress(kNetworkLock).ok();
  }
  const auto scratches = ListDirectory(scratch_dir);
  if (!scratches.ok()) return;
  for (const std::string& name : *scratches) {
    if (!known.ids.contains(name)) (void)RemoveTree(scratch_dir + "/" + name).ok();
  }
}

}  // namespace hodei::exec
