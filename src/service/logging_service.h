// Logging v2 for readers: entries:list and the names of logs. Thread-safe.
#pragma once

#include "base/status.h"
#include "domain/access/authorizer.h"
#include "google/logging/v2/logging.pb.h"
#include "service/call_context.h"
#include "store/log/log_store.h"

namespace hodei::service {

class LoggingService {
 public:
  // Neither is owned; both outlive this.
  LoggingService(store::LogStore* logs, const access::Authorizer* authorizer)
      : logs_(logs), authorizer_(authorizer) {}

  // Needs logging.logEntries.list on every project that the request names.
  Result<google::logging::v2::ListLogEntriesResponse> ListLogEntries(
      const CallContext& context, const google::logging::v2::ListLogEntriesRequest& request);
  // The transcoder has checked logging.logs.list on the project in `parent`.
  Result<google::logging::v2::ListLogsResponse> ListLogs(
      const CallContext& context, const google::logging::v2::ListLogsRequest& request);

 private:
  store::LogStore* const logs_;
  const access::Authorizer* const authorizer_;
};

// A request may name at most so many projects.
inline constexpr int kLogProjectLimit = 100;

}  // namespace hodei::service
