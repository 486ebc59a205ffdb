#include "domain/serving/serving_host.h"

#include <algorithm>

namespace hodei::serving {

int RoomFor(int64_t node_bytes, int64_t serving_bytes, int64_t jobs_bytes, int64_t total_bytes) {
  const int64_t always = total_bytes / kServingShareDivisor;
  const int64_t limit = std::clamp(total_bytes - jobs_bytes, always, 2 * always);
  // The first node runs even on a host that is small for it: its machine type is cut to the host.
  if (serving_bytes == 0) {
    return static_cast<int>(std::max<int64_t>(limit / std::max<int64_t>(node_bytes, 1), 1));
  }
  return static_cast<int>(
      std::max<int64_t>((limit - serving_bytes) / std::max<int64_t>(node_bytes, 1), 0));
}

}  // namespace hodei::serving
