// Followers of a job's log, and who wakes them.
#include <fmt/format.h>

#include <algorithm>

#include "store/log/disk_log_store.h"
#include "store/log/log_entry.h"

namespace hodei::store {
namespace {

using google::logging::v2::LogEntry;

constexpr size_t kFollowBytes = 1 << 20;

class DiskFollower : public LogFollower {
 public:
  DiskFollower(DiskLogStore* store, JobKey job, std::map<std::string, uint64_t> positions)
      : store_(store),
        job_(std::move(job)),
        positions_(std::move(positions)),
        state_(std::make_shared<FollowerState>()) {}
  ~DiskFollower() override {
    {
      std::lock_guard lock(state_->mutex);
      state_->ready = nullptr;
    }
    store_->Unregister(job_, state_);
  }

  Status Init() { return store_->Register(job_, state_); }

  Result<std::vector<LogEntry>> Take(size_t limit) override {
    {
      std::lock_guard lock(state_->mutex);
      state_->events_seen = state_->events;
    }
    std::vector<LogEntry> entries;
    for (const SourcePtr& source : store_->SourcesOfJob(job_)) {
      uint64_t& position = positions_[source->short_name];
      ASSIGN_OR_RETURN(const std::vector<LogLine> lines,
                       source->reader.ReadAfter(position, limit - entries.size(), kFollowBytes));
      for (const LogLine& line : lines) {
        entries.push_back(EntryView(source->source, source->short_name, line).ToEntry());
        position = line.seq;
      }
      if (entries.size() >= limit) break;
    }
    std::stable_sort(entries.begin(), entries.end(), [](const LogEntry& a, const LogEntry& b) {
      return std::pair(a.timestamp().seconds(), a.timestamp().nanos()) <
             std::pair(b.timestamp().seconds(), b.timestamp().nanos());
    });
    return entries;
  }

  void NotifyOnce(std::function<void()> ready) override {
    {
      std::lock_guard lock(state_->mutex);
      if (state_->events == state_->events_seen) {
        state_->ready = std::move(ready);
        return;
      }
    }
    ready();
  }

 private:
  DiskLogStore* const store_;
  const JobKey job_;
  std::map<std::string, uint64_t> positions_;  // by source short name: last seq given
  std::shared_ptr<FollowerState> state_;
};

}  // namespace

Status DiskLogStore::Register(const JobKey& job, const std::shared_ptr<FollowerState>& state) {
  const std::vector<SourcePtr> sources = SourcesOfJob(job);
  std::lock_guard lock(followers_mutex_);
  for (const SourcePtr& source : sources) {
    if (!watched_dirs_.emplace(source->source.dir, job).second) continue;
    Status status = watch_->Add(source->source.dir);
    if (!status.ok()) {
      watched_dirs_.erase(source->source.dir);
      return status;
    }
  }
  followers_[job].insert(state);
  return OkStatus();
}

void DiskLogStore::Unregister(const JobKey& job, const std::shared_ptr<FollowerState>& state) {
  std::lock_guard lock(followers_mutex_);
  const auto it = followers_.find(job);
  if (it == followers_.end()) return;
  it->second.erase(state);
  if (!it->second.empty()) return;
  followers_.erase(it);
  std::erase_if(watched_dirs_, [&](const auto& watched) {
    if (watched.second != job) return false;
    watch_->Remove(watched.first);
    return true;
  });
}

void DiskLogStore::Changed(const std::string& dir) {
  std::vector<std::shared_ptr<FollowerState>> states;
  {
    std::lock_guard lock(followers_mutex_);
    const auto watched = watched_dirs_.find(dir);
    if (watched == watched_dirs_.end()) return;
    const auto it = followers_.find(watched->second);
    if (it != followers_.end()) states.assign(it->second.begin(), it->second.end());
  }
  for (const auto& state : states) state->Notify();
}

Result<std::unique_ptr<LogFollower>> DiskLogStore::Follow(const std::string& project,
                                                          const std::string& job_id,
                                                          const std::vector<std::string>& resume) {
  std::map<std::string, uint64_t> positions;
  for (const std::string& insert_id : resume) {
    const auto parsed = ParseInsertId(insert_id);
    if (!parsed) {
      return InvalidArgument(fmt::format("'{}' is not an insertId of this log", insert_id));
    }
    uint64_t& position = positions[parsed->second];
    position = std::max(position, parsed->first);
  }
  auto follower = std::make_unique<DiskFollower>(this, JobKey(project, job_id), positions);
  RETURN_IF_ERROR(follower->Init());
  return std::unique_ptr<LogFollower>(std::move(follower));
}

}  // namespace hodei::store
