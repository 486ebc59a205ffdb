#include "domain/retention/plan_log_removal.h"

#include <algorithm>
#include <tuple>

namespace hodei::retention {

std::vector<store::LogVolume> PlanLogRemoval(std::vector<HeldLog> logs, const LogLimits& limits,
                                             WallTime now) {
  int64_t bytes = 0;
  for (const HeldLog& log : logs) bytes += log.volume.size_bytes;
  std::erase_if(
      logs, [&](const HeldLog& log) { return log.live || now - log.volume.last_write < kLogRest; });
  const auto key = [](const HeldLog& log) {
    return std::tie(log.volume.last_write.unix_nanos, log.volume.project, log.volume.job_id);
  };
  std::sort(logs.begin(), logs.end(),
            [&](const HeldLog& a, const HeldLog& b) { return key(a) < key(b); });
  std::vector<store::LogVolume> leaving;
  for (HeldLog& log : logs) {
    if (now - log.volume.last_write <= limits.age && bytes <= limits.bytes) break;
    bytes -= log.volume.size_bytes;
    leaving.push_back(std::move(log.volume));
  }
  return leaving;
}

}  // namespace hodei::retention
