#include "domain/jobs/job_log.h"

#include "store/log/log_store.h"

namespace hodei::jobs {
namespace {

class StoreJobLog : public JobLog {
 public:
  explicit StoreJobLog(store::LogStore* logs) : logs_(logs) {}

  Status AddSource(const LogSource& source) override {
    return logs_->AddSource({.project = source.project,
                             .job_id = source.job_id,
                             .task_name = source.task_name,
                             .trial_id = "",
                             .source_id = source.source_id,
                             .dir = source.dir});
  }

  Status AppendService(const std::string& project, const std::string& job_id, LogSeverity severity,
                       std::string_view text) override {
    google::logging::v2::LogSeverity stored = google::logging::v2::INFO;
    if (severity == LogSeverity::kWarning) stored = google::logging::v2::WARNING;
    if (severity == LogSeverity::kError) stored = google::logging::v2::ERROR;
    return logs_->AppendService(project, job_id, stored, text);
  }

  Result<std::vector<std::string>> TailOf(const std::string& source_id, size_t lines,
                                          size_t limit_bytes) override {
    return logs_->TailOf(source_id, lines, limit_bytes);
  }

 private:
  store::LogStore* const logs_;
};

}  // namespace

std::unique_ptr<JobLog> MakeJobLog(store::LogStore* logs) {
  return std::make_unique<StoreJobLog>(logs);
}

}  // namespace hodei::jobs
