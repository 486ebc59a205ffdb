// Prints a job's log entries as they are written, until the job ends.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "cli/context.h"

namespace hodei::cli {

struct LogStreamOptions {
  std::string job;
  std::string task;                                  // only this task's entries; empty: all
  bool multiline = false;                            // one row an entry, line breaks kept
  bool to_error_output = false;                      // `submit --stream-logs` writes there
  std::chrono::milliseconds polling_interval{2000};  // where the server has no follow endpoint
};

// Returns the job's last state. Cut connections are taken up where they ended: no entry is lost or
// printed twice. Falls back to asking entries:list where the server cannot follow.
Result<std::string> StreamLogs(Context& context, const LogStreamOptions& options);

// The rows for one entry, each with its newline: SEVERITY, time, task, trial and message separated
// by tabs; a message of several lines makes several rows unless `multiline`.
std::string LogRows(const Json& entry, bool multiline);
// The task that wrote the entry.
std::string TaskOf(const Json& entry);

}  // namespace hodei::cli
