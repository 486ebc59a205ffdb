// Which logs leave: a pure function of what there is.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "store/log/log_store.h"

namespace hodei::retention {

struct LogLimits {
  std::chrono::hours age{24 * 400};   // retention.log_days: after the last line
  int64_t bytes = int64_t{64} << 30;  // retention.log_gib: all logs together
};

// A log that was written to within this time stays, over any limit: somebody may still read its
// end.
inline constexpr std::chrono::hours kLogRest{1};

struct HeldLog {
  store::LogVolume volume;
  bool live = false;  // its job has not ended, or its version is there
};

// Logs that are older than `limits.age`, and as many more, oldest first, as make the rest fit
// `limits.bytes`. Never a live one; what those hold counts.
std::vector<store::LogVolume> PlanLogRemoval(std::vector<HeldLog> logs, const LogLimits& limits,
                                             WallTime now);

}  // namespace hodei::retention
