// Runs one of the machine's own programs (ip, nft, mkfs.ext4) with an absolute path and an empty
// environment, so that nothing in ours can steer it (T21).
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/status.h"

namespace hodei::exec {

inline constexpr int kInheritedFd = 3;

struct RunOptions {
  std::string input;                        // to its standard input
  std::chrono::milliseconds limit{20'000};  // then it is killed: DEADLINE_EXCEEDED
  int network_namespace = -1;               // joined first; only from single-threaded programs
  int inherit = -1;                         // becomes the program's kInheritedFd
};

// Output (stdout and stderr together, at most 64 KiB of it). INTERNAL with the output when it ends
// with another code than 0; NOT_FOUND when there is no such program.
Result<std::string> RunProgram(const std::vector<std::string>& argv,
                               const RunOptions& options = {});

}  // namespace hodei::exec
