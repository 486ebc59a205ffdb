// What a replica's spec must be before anything of it becomes a path, an argument or a limit.
#pragma once

#include <string>

#include "base/status.h"
#include "exec/executor.h"

namespace hodei::exec {

inline constexpr size_t kMaxArguments = 10'000;
inline constexpr size_t kMaxLaunchBytes = 4 << 20;  // arguments and environment together

// INVALID_ARGUMENT that names the replica and what is wrong with it.
Status CheckSpec(const ReplicaSpec& spec);
// Absolute, without NUL and "..".
bool IsPlainPath(const std::string& path);

}  // namespace hodei::exec
