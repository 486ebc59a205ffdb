#include "domain/prediction/plan_shards.h"

#include <algorithm>
#include <numeric>

namespace hodei::prediction {

std::vector<Shard> PlanShards(const std::vector<int64_t>& input_bytes, bool splittable,
                              int shards_max) {
  const int64_t total = std::accumulate(input_bytes.begin(), input_bytes.end(), int64_t{0});
  int64_t count = (total + kShardBytesMin - 1) / kShardBytesMin;
  if (!splittable) count = std::min(count, static_cast<int64_t>(input_bytes.size()));
  count = std::clamp<int64_t>(count, 1, std::max(shards_max, 1));
  std::vector<Shard> shards(static_cast<size_t>(count));
  // Shard k holds the bytes from total * k / count on; a file that is not divided goes where its
  // first byte is.
  int64_t offset = 0;
  for (size_t i = 0; i < input_bytes.size(); ++i) {
    const int64_t size = input_bytes[i];
    int64_t begin = 0;
    while (begin < size) {
      const int64_t place = offset + begin;
      int64_t shard = std::min(place * count / std::max<int64_t>(total, 1), count - 1);
      int64_t end = size;
      if (splittable && shard + 1 < count) {
        const int64_t limit = (total * (shard + 1) + count - 1) / count;  // first byte of the next
        end = std::min(size, std::max(limit - offset, begin + 1));
      }
      shards[static_cast<size_t>(shard)].push_back({static_cast<int>(i), begin, end});
      begin = end;
    }
    offset += size;
  }
  std::erase_if(shards, [](const Shard& shard) { return shard.empty(); });
  if (shards.empty()) shards.emplace_back();
  return shards;
}

}  // namespace hodei::prediction
