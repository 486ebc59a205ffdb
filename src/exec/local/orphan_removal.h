// What dead servers and supervisors left in the kernel and on disk and no replica's record names.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "exec/record/replica_records.h"

namespace hodei::exec {

struct KnownReplicas {
  std::set<std::string> ids;
  std::set<std::string> groups;  // LaunchPlan::group_netns
};

// Kills and removes control groups below `parents`, network groups of `instance` and entries of
// `scratch_dir` that are not known. Best effort: what cannot go now goes at the next start.
void RemoveOrphans(const KnownReplicas& known, const std::vector<CgroupDirectory>& parents,
                   const std::string& instance, const std::string& scratch_dir);

}  // namespace hodei::exec
