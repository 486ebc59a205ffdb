// What isolation this machine gives: the tiers A–E of the sandbox recipe.
#pragma once

#include <string>

#include "exec/executor.h"
#include "exec/sandbox/cgroup.h"

namespace hodei::exec {

struct Tier {
  Capabilities capabilities;
  CgroupLayout cgroups;
  bool root = false;
};

// Looks at the machine; makes the control groups' parent folder `cgroup_name`. `data_dir` is where
// scratch lives. Tier "E" when sandboxes do not work: the summary says why.
Tier DetectTier(const std::string& data_dir, const std::string& bwrap_path,
                const std::string& cgroup_name);

}  // namespace hodei::exec
