// Log entries of jobs: appended as frames by supervisors (base/log_frame.h) and by the server
// itself, read, filtered and followed here. The segments on disk are the only truth; what is kept
// in memory is an index that a restart rebuilds. Thread-safe.
//
// Order: entries sort by (timestamp, insertId). An insertId is unique and tells source and sequence
// number, so a reader that keeps the last one of every source can resume without gap or repeat.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "google/logging/v2/logging.pb.h"

namespace hodei::store {

// One folder of segments: the output of one replica in one attempt, or a job's service entries.
struct LogSource {
  std::string project;  // project id
  // Or "models/M/versions/V": its entries are of type cloudml_model_version then.
  std::string job_id;
  std::string task_name;  // "master-replica-0", "service"
  std::string trial_id;   // empty outside of tuning
  std::string source_id;  // unique over the store, [a-z0-9-]{1,120}
  std::string dir;        // ours, absolute; may not exist yet
};

struct LogQuery {
  std::vector<std::string> projects;  // project ids; entries of no other project are read
  std::string filter;                 // the Logging query language; see filter.h
  bool newest_first = false;
  size_t limit = 100;  // entries returned at most
  // Continue after this entry: the (timestamp, insertId) of the last one returned.
  std::optional<std::pair<WallTime, std::string>> after;
};

struct LogPage {
  std::vector<google::logging::v2::LogEntry> entries;
  // Where to go on (LogQuery::after); absent at the end. May be set with few or no entries when
  // kLogQueryScanLines were read in vain.
  std::optional<std::pair<WallTime, std::string>> next;
};

// What the log of one job, or version, holds on disk.
struct LogVolume {
  std::string project;
  std::string job_id;  // as in LogSource
  int64_t size_bytes = 0;
  WallTime last_write;  // of the newest file or folder; the epoch when none of its folders is left
};

inline constexpr size_t kLogQueryMaxLimit = 1000;
// One query reads at most so many lines, so that a request cannot hold a thread for ever.
inline constexpr size_t kLogQueryScanLines = 2'000'000;
inline constexpr size_t kLogFilterMaxBytes = 20'000;
// A longer entry (a line that came in many frames) is given as several entries.
inline constexpr size_t kLogEntryMaxBytes = 256 * 1024;

// Follows one job from a position on. One thread at a time.
class LogFollower {
 public:
  virtual ~LogFollower() = default;
  // Entries that are there now, at most `limit`, in order within each source; empty when none.
  virtual Result<std::vector<google::logging::v2::LogEntry>> Take(size_t limit) = 0;
  // Calls `ready` once, as soon as Take() may have something, from a store thread. A second call
  // replaces the first. Nothing is called after the follower is destroyed.
  virtual void NotifyOnce(std::function<void()> ready) = 0;
};

class LogStore {
 public:
  // `dir` is created. Reads the registry of sources; FAILED_PRECONDITION with what to do when it is
  // damaged in the middle (a torn last record is dropped: it was never acknowledged).
  static Result<std::unique_ptr<LogStore>> Open(const std::string& dir, const Clock& clock);
  virtual ~LogStore() = default;

  // From now on the source's segments are part of the store, also after a restart. Idempotent.
  virtual Status AddSource(const LogSource& source) = 0;
  // One entry with task name "service". Survives a kill of the server when this returns. Of such
  // entries of one job the newest 1 GiB are kept (service_writer.h).
  virtual Status AppendService(const std::string& project, const std::string& job_id,
                               google::logging::v2::LogSeverity severity,
                               std::string_view text) = 0;
  // INVALID_ARGUMENT for a bad filter, saying where.
  virtual Result<LogPage> Query(const LogQuery& query) = 0;
  // The names of tasks that have a source in `project`: ("task", newest source first).
  virtual std::vector<std::string> TaskNames(const std::string& project) = 0;
  // The last `lines` lines of one source, oldest first, at most `limit_bytes` in total.
  virtual Result<std::vector<std::string>> TailOf(const std::string& source_id, size_t lines,
                                                  size_t limit_bytes) = 0;
  // `resume`: insertIds already seen, the last of each source; entries after them are given.
  virtual Result<std::unique_ptr<LogFollower>> Follow(const std::string& project,
                                                      const std::string& job_id,
                                                      const std::vector<std::string>& resume) = 0;

  // What there is now, by project and job.
  virtual std::vector<LogVolume> Volumes() = 0;
  // Removes whole logs: (project, job id). Nobody may write to them any more. Who reads one at this
  // moment sees it end. They stay removed when this returns OK; otherwise some may be gone.
  virtual Status RemoveLogs(const std::vector<std::pair<std::string, std::string>>& jobs) = 0;
  // Drops the names of sources whose folder is gone; how many they were.
  virtual Result<size_t> ForgetGone() = 0;
};

// The source an insertId belongs to, as an opaque short name; empty when it is none of ours.
std::string SourceOfInsertId(std::string_view insert_id);

}  // namespace hodei::store
