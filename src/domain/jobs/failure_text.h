// What a failed job's errorMessage says. Users and their tools match these words: golden tests keep
// them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "exec/executor.h"

namespace hodei::jobs {

inline constexpr size_t kFailureTailLines = 40;
inline constexpr size_t kFailureTailBytes = 4000;

// The end of a replica's output as far as it explains its failure: from its last traceback on, when
// there is one; never more than kFailureTailLines and kFailureTailBytes.
std::string ExplainingTail(const std::vector<std::string>& lines);

// `role` "master", `index` 0. `tail` is the replica's last lines, oldest first.
std::string ReplicaFailure(std::string_view role, int index, const exec::ReplicaExit& exit,
                           const std::vector<std::string>& tail, std::string_view job_id);
// A replica that was started again kReplicaRestartsMax times and failed once more.
std::string RestartsExhausted(const std::string& replica_failure);
std::string AttemptsExhausted(std::string_view reason, int attempts);
std::string EnvironmentFailure(std::string_view error, std::string_view job_id);
std::string WaitedTooLong(int64_t seconds, std::string_view waiting_for);
std::string RanTooLong(int64_t seconds);

// The exit status as a shell would say it: 128 + signal for a signal.
int ExitStatusOf(const exec::ReplicaExit& exit);

}  // namespace hodei::jobs
