// A program of our own choosing started beside the serving program, in the same sandbox.
#pragma once

#include <sys/types.h>

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::engine {

// Starts argv[0] with the environment of this process and `extra_environment` ("NAME=value").
// `descriptors` are (ours, number there); no other descriptor but 0, 1 and 2 is passed on.
Result<pid_t> StartProgram(const std::vector<std::string>& argv,
                           const std::vector<std::string>& extra_environment,
                           const std::vector<std::pair<int, int>>& descriptors);

struct ProgramOutput {
  int exit_code = 0;  // 128 + the signal's number for a program that was killed
  std::string text;   // of stdout; stderr stays this program's
};
// Runs to the end. RESOURCE_EXHAUSTED when it prints more than `limit_bytes`.
Result<ProgramOutput> RunToEnd(const std::vector<std::string>& argv, size_t limit_bytes);

}  // namespace hodei::engine
