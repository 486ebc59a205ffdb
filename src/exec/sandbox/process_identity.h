// Which process a number means. A pid is reused; pid + start time + boot is not.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "exec/record/replica_records.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

// The kernel's random id of this boot; empty when /proc is not readable.
std::string CurrentBootId();
// Field 22 of /proc/PID/stat; nullopt when there is no such process.
std::optional<uint64_t> StartTicks(int64_t pid);
// A pidfd of the supervisor that `state` names; an empty one when that process is gone, a zombie,
// or another process now has its pid. Signals go through this fd only.
UniqueFd OpenSupervisor(const ReplicaState& state);
bool SignalProcess(const UniqueFd& pidfd, int signal);

// The lock that a supervisor holds on its replica's kLockFile for life (an open file description
// lock: querying does not take it, and it goes when its holder dies).
bool TryLock(int fd);
bool IsLocked(int fd);

}  // namespace hodei::exec
