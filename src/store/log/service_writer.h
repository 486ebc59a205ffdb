// Appends a job's service entries, each as one frame, to segments of its own source.
#pragma once

#include <memory>
#include <mutex>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "google/logging/v2/logging.pb.h"
#include "store/log/source_cursor.h"
#include "sys/unique_fd.h"

namespace hodei::store {

// Thread-safe.
class ServiceWriter {
 public:
  // Begins a new segment after those of `source`.
  static Result<std::unique_ptr<ServiceWriter>> Open(OpenSource* source);
  // Survives a kill of the server when it returns.
  Status Append(WallTime now, google::logging::v2::LogSeverity severity, std::string_view text);

 private:
  std::mutex mutex_;
  UniqueFd fd_;       // guarded by mutex_
  uint64_t seq_ = 0;  // guarded by mutex_
  WallTime last_;     // guarded by mutex_
};

}  // namespace hodei::store
