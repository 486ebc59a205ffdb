// GET /v1/projects/P/jobs/J:followLogs: a job's log entries as they are written.
//
// The body is one JSON object a line: {"source": "…", "entry": {LogEntry}}. A client that is cut
// off comes back with ?resumeToken=ID,ID,…, the last insertId it has of each source, and gets
// exactly the rest. After the job has ended and its last entry is sent comes
// {"end": true, "state": "SUCCEEDED"} and the end of the body.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "net/http_message.h"
#include "store/log/log_store.h"
#include "store/meta/meta_store.h"

namespace hodei::wire::rest {

// What the follower needs to know of a job: its state's name, and whether it has ended.
struct FollowedJob {
  std::string state;
  bool ended = false;
};

// Serves follow streams: one thread, woken by new log frames and by changes of jobs, fills all of
// them. Thread-safe.
class LogFollow {
 public:
  // `job_state(name)` reads "projects/P/jobs/J"; `job_kind` is the kind of its record in `meta`.
  LogFollow(store::LogStore* logs, store::MetaStore* meta, std::string job_kind,
            std::function<Result<FollowedJob>(const std::string& name)> job_state);
  // Ends every stream.
  ~LogFollow();
  // The body of a response; the caller has authorized. NOT_FOUND for an unknown job.
  Result<std::unique_ptr<net::StreamBody>> Open(const std::string& project,
                                                const std::string& job_id,
                                                const std::vector<std::string>& resume);

  // Ends every stream and refuses new ones (UNAVAILABLE). Idempotent.
  void EndAll();

  // At most so many streams are open at once: RESOURCE_EXHAUSTED beyond.
  static constexpr size_t kStreamLimit = 4096;

  class Pump;

 private:
  std::shared_ptr<Pump> pump_;
};

}  // namespace hodei::wire::rest
