// Runs other programs: the user's Python, `hodeid`.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/status.h"

namespace hodei::cli {

struct ProcessRequest {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH when it has no slash
  std::map<std::string, std::string> environment;  // complete
  std::string folder;                              // working folder; empty: ours
  // Empty: standard output and standard error are ours. Otherwise both go to this file, appended.
  std::string output_file;
  bool detached = false;  // a session of its own, standard input closed: outlives us
};

// Starts the program. NOT_FOUND when there is no such program. Returns its process id.
Result<int> StartProcess(const ProcessRequest& request);
// Waits for the end; returns the exit code, 128 + N for signal N.
int WaitProcess(int pid);

struct CapturedRun {
  int exit_code = 0;
  std::string output;  // standard output and standard error together, at most kCaptureLimitBytes
};
constexpr size_t kCaptureLimitBytes = 1 << 20;
// Runs to the end and keeps what it printed. DEADLINE_EXCEEDED, and the program is killed, when
// that takes longer than `deadline` (zero: as long as it takes).
Result<CapturedRun> RunCaptured(const ProcessRequest& request,
                                std::chrono::milliseconds deadline = {});

// The path of `name` in the PATH of `environment`, or "".
std::string FindProgram(const std::string& name,
                        const std::map<std::string, std::string>& environment);

}  // namespace hodei::cli
