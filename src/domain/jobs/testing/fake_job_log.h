// A JobLog in memory, and JobSockets that only remember. For tests of jobs.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "domain/jobs/job_log.h"
#include "domain/jobs/job_sockets.h"

namespace hodei::jobs {

class FakeJobLog : public JobLog {
 public:
  struct Entry {
    std::string job_id;
    LogSeverity severity = LogSeverity::kInfo;
    std::string text;
  };
  Status AddSource(const LogSource& source) override;
  Status AppendService(const std::string& project, const std::string& job_id, LogSeverity severity,
                       std::string_view text) override;
  Result<std::vector<std::string>> TailOf(const std::string& source_id, size_t lines,
                                          size_t limit_bytes) override;

  // What TailOf() answers for any source.
  void SetTail(std::vector<std::string> lines);
  std::vector<std::string> Texts(const std::string& job_id) const;
  std::vector<Entry> entries() const;
  std::vector<LogSource> sources() const;

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::map<std::string, LogSource> sources_;
  std::vector<std::string> tail_;
};

class FakeJobSockets : public JobSockets {
 public:
  Status Open(const std::string& job_name, const std::string& dir) override;
  Status Close(const std::string& job_name) override;
  std::set<std::string> open() const;

 private:
  mutable std::mutex mutex_;
  std::set<std::string> open_;
};

}  // namespace hodei::jobs
