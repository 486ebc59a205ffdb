#include "domain/jobs/testing/fake_job_log.h"

namespace hodei::jobs {

Status FakeJobLog::AddSource(const LogSource& source) {
  const std::lock_guard lock(mutex_);
  sources_[source.source_id] = source;
  return OkStatus();
}

Status FakeJobLog::AppendService(const std::string&, const std::string& job_id,
                                 LogSeverity severity, std::string_view text) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({job_id, severity, std::string(text)});
  return OkStatus();
}

Result<std::vector<std::string>> FakeJobLog::TailOf(const std::string&, size_t, size_t) {
  const std::lock_guard lock(mutex_);
  return tail_;
}

void FakeJobLog::SetTail(std::vector<std::string> lines) {
  const std::lock_guard lock(mutex_);
  tail_ = std::move(lines);
}

std::vector<std::string> FakeJobLog::Texts(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> texts;
  for (const Entry& entry : entries_) {
    if (entry.job_id == job_id) texts.push_back(entry.text);
  }
  return texts;
}

std::vector<FakeJobLog::Entry> FakeJobLog::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

std::vector<LogSource> FakeJobLog::sources() const {
  const std::lock_guard lock(mutex_);
  std::vector<LogSource> sources;
  for (const auto& [id, source] : sources_) sources.push_back(source);
  return sources;
}

Status FakeJobSockets::Open(const std::string& job_name, const std::string&) {
  const std::lock_guard lock(mutex_);
  open_.insert(job_name);
  return OkStatus();
}

Status FakeJobSockets::Close(const std::string& job_name) {
  const std::lock_guard lock(mutex_);
  open_.erase(job_name);
  return OkStatus();
}

std::set<std::string> FakeJobSockets::open() const {
  const std::lock_guard lock(mutex_);
  return open_;
}

}  // namespace hodei::jobs
