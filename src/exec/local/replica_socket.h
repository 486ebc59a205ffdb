// A socket inside a replica, seen from outside.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

// Executor::OpenSocket for the process `pid`, which must be the replica's program.
Result<UniqueFd> OpenSocketOf(int64_t pid, const std::string& name);

}  // namespace hodei::exec
