// What jobs write to and read from the log, as narrow as they need it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::store {
class LogStore;
}

namespace hodei::jobs {

enum class LogSeverity { kInfo, kWarning, kError };

// Output of one replica in one attempt.
struct LogSource {
  std::string project;
  std::string job_id;
  std::string task_name;  // "master-replica-0"
  std::string source_id;  // unique, [a-z0-9-]{1,120}
  std::string dir;        // ours, absolute
};

// Thread-safe.
class JobLog {
 public:
  virtual ~JobLog() = default;
  // From now on the folder's segments belong to the job's log. Durable, idempotent.
  virtual Status AddSource(const LogSource& source) = 0;
  // An entry with task name "service".
  virtual Status AppendService(const std::string& project, const std::string& job_id,
                               LogSeverity severity, std::string_view text) = 0;
  // The last lines of a source, oldest first.
  virtual Result<std::vector<std::string>> TailOf(const std::string& source_id, size_t lines,
                                                  size_t limit_bytes) = 0;
};

// `logs` is not owned and must outlive the result.
std::unique_ptr<JobLog> MakeJobLog(store::LogStore* logs);

}  // namespace hodei::jobs
