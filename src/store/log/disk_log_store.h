// The log store on disk; private to this folder. Queries: log_store.cc, followers: log_follower.cc,
// what leaves: log_removal.cc.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store/log/change_watch.h"
#include "store/log/filter.h"
#include "store/log/log_store.h"
#include "store/log/service_writer.h"
#include "store/log/source_cursor.h"
#include "store/log/source_registry.h"

namespace hodei::store {

using SourcePtr = std::shared_ptr<OpenSource>;
using JobKey = std::pair<std::string, std::string>;  // project, job id

// Wakes followers of a job. Shared with them, because they may outlive a notification in flight.
struct FollowerState {
  std::mutex mutex;
  uint64_t events = 0;       // guarded by mutex
  uint64_t events_seen = 0;  // guarded by mutex; at the start of the last Take()
  std::function<void()> ready;

  void Notify() {
    std::function<void()> call;
    {
      std::lock_guard lock(mutex);
      ++events;
      call.swap(ready);
    }
    if (call) call();
  }
};

class DiskLogStore : public LogStore {
 public:
  explicit DiskLogStore(const Clock& clock, std::string dir)
      : clock_(clock), dir_(std::move(dir)) {}

  Status Init();
  Status AddSource(const LogSource& source) override;
  Status AppendService(const std::string& project, const std::string& job_id,
                       google::logging::v2::LogSeverity severity, std::string_view text) override;
  Result<LogPage> Query(const LogQuery& query) override;
  std::vector<std::string> TaskNames(const std::string& project) override;
  Result<std::vector<std::string>> TailOf(const std::string& source_id, size_t lines,
                                          size_t limit_bytes) override;
  Result<std::unique_ptr<LogFollower>> Follow(const std::string& project, const std::string& job_id,
                                              const std::vector<std::string>& resume) override;
  std::vector<LogVolume> Volumes() override;
  Status RemoveLogs(const std::vector<std::pair<std::string, std::string>>& jobs) override;
  Result<size_t> ForgetGone() override;

  std::vector<SourcePtr> SourcesOfJob(const JobKey& job);
  Status Register(const JobKey& job, const std::shared_ptr<FollowerState>& state);
  void Unregister(const JobKey& job, const std::shared_ptr<FollowerState>& state);

 private:
  void Insert(const LogSource& source);
  std::vector<SourcePtr> Candidates(const LogQuery& query, const FilterBounds& bounds);
  Result<std::shared_ptr<ServiceWriter>> WriterOf(const JobKey& job);
  void Changed(const std::string& dir);
  std::vector<SourcePtr> AllSources();
  std::string RemovedDir() const { return dir_ + "/removed"; }
  // The three hold mutex_.
  Status MoveAway(const OpenSource& source) const;
  void Forget(const OpenSource& source);
  Status RewriteRegistry();

  const Clock& clock_;
  const std::string dir_;
  std::shared_mutex mutex_;
  std::unique_ptr<SourceRegistry> registry_;          // guarded by mutex_
  std::unordered_map<std::string, SourcePtr> by_id_;  // guarded by mutex_
  std::map<JobKey, std::vector<SourcePtr>> by_job_;   // guarded by mutex_
  std::mutex followers_mutex_;
  std::map<JobKey, std::set<std::shared_ptr<FollowerState>>> followers_;
  std::map<std::string, JobKey> watched_dirs_;
  std::mutex writers_mutex_;  // before mutex_
  std::map<JobKey, std::shared_ptr<ServiceWriter>> writers_;
  std::unique_ptr<ChangeWatch> watch_;  // last: its thread calls into the rest
};

}  // namespace hodei::store
