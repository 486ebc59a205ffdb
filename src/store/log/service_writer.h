// Appends the service entries of a job or version, each as one frame, to segments of its own
// source. A version that logs its requests writes for as long as it lives, so the oldest segments
// go.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "google/logging/v2/logging.pb.h"
#include "store/log/source_cursor.h"
#include "sys/unique_fd.h"

namespace hodei::store {

struct ServiceLogLimits {
  int64_t segment_bytes = 64 << 20;  // then the next one begins
  int64_t bytes = int64_t{1} << 30;  // of all segments
};

// Thread-safe.
class ServiceWriter {
 public:
  // Begins a new segment after those of `source`.
  static Result<std::unique_ptr<ServiceWriter>> Open(OpenSource* source,
                                                     const ServiceLogLimits& limits = {});
  // Survives a kill of the server when it returns.
  Status Append(WallTime now, google::logging::v2::LogSeverity severity, std::string_view text);

 private:
  ServiceWriter(std::string dir, const ServiceLogLimits& limits)
      : dir_(std::move(dir)), limits_(limits) {}
  // These two with mutex_ held, or before others know the writer.
  Status NextSegment();
  Status MakeRoom(const std::vector<std::string>& names) const;

  const std::string dir_;
  const ServiceLogLimits limits_;
  std::mutex mutex_;
  UniqueFd fd_;        // guarded by mutex_
  int64_t bytes_ = 0;  // of this segment; guarded by mutex_
  uint64_t seq_ = 0;   // guarded by mutex_
  WallTime last_;      // guarded by mutex_
};

}  // namespace hodei::store
