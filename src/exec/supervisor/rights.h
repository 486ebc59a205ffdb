// What a process beside or in the sandbox gives up before it runs anything of a job.
#pragma once

#include <cstdint>

namespace hodei::exec {

// No new privileges, and unless `uid` is 0 ("stay who you are"): no capability, no group, that user
// and group. False when anything of it failed. Single-threaded programs only.
bool DropRights(uint32_t uid);

}  // namespace hodei::exec
