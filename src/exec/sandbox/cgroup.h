// Control groups of replicas, version 1, 2 and both at once. On a hybrid tree a replica has one
// folder per v1 controller for its limits and one in the v2 tree, because cgroup.kill and the
// `populated` count exist only there.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "exec/record/replica_records.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

enum class CgroupKind { kNone, kV1, kHybrid, kV2 };

// Where replicas' groups go on this machine: for each controller the folder that gets one
// subfolder per replica.
struct CgroupLayout {
  CgroupKind kind = CgroupKind::kNone;
  std::vector<CgroupDirectory> parents;
  std::vector<std::string> problems;  // controllers that a limit needs and that are missing
};

// Finds the mounted hierarchies and makes `name` ([a-z0-9-]) below this process's own groups in
// each. Texts are /proc/self/mountinfo and /proc/self/cgroup.
CgroupLayout DetectCgroups(const std::string& mountinfo, const std::string& own_cgroups,
                           const std::string& name);
// The groups of one replica below the layout's parents.
std::vector<CgroupDirectory> CgroupsFor(const CgroupLayout& layout, const std::string& id);

// Makes the groups and sets memory, pids, cpu and device limits. FAILED_PRECONDITION when the
// parent is frozen: a child would hang there for ever without a word.
Status CreateCgroups(const std::vector<CgroupDirectory>& cgroups, const Resources& resources,
                     const std::vector<std::string>& device_rules);
// fork(), with the child in every group when this returns in it; `*joined` is false there when one
// refused. Only for single-threaded programs, whose child does little before it executes another.
pid_t ForkIntoCgroups(const std::vector<CgroupDirectory>& cgroups, bool* joined);
// SIGKILL to everything inside, thawing first; returns when empty or after `patience`.
bool KillCgroups(const std::vector<CgroupDirectory>& cgroups, std::chrono::milliseconds patience);
bool CgroupsEmpty(const std::vector<CgroupDirectory>& cgroups);
// Removes the (empty) groups, retrying EBUSY for a second. Fine when absent.
Status RemoveCgroups(const std::vector<CgroupDirectory>& cgroups);

struct CgroupUsage {
  int64_t cpu_nanos = 0;
  int64_t peak_memory_bytes = 0;
  int64_t oom_kills = 0;
};
CgroupUsage ReadUsage(const std::vector<CgroupDirectory>& cgroups);
// An eventfd that becomes readable when the v1 memory group runs out; empty elsewhere.
UniqueFd WatchOutOfMemory(const std::vector<CgroupDirectory>& cgroups);

}  // namespace hodei::exec
