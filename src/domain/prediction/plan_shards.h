// How a batch job's input is divided. Pure.
#pragma once

#include <cstdint>
#include <vector>

namespace hodei::prediction {

inline constexpr int64_t kShardBytesMin = 4 << 20;
inline constexpr int kDefaultMaxWorkers = 10;

// A part of one input, in bytes. Of text: the lines that start in [begin, end).
struct Piece {
  int input = 0;
  int64_t begin = 0;
  int64_t end = 0;
  bool operator==(const Piece&) const = default;
};

// One output file each.
using Shard = std::vector<Piece>;

// At least one shard, at most `shards_max`, of about the same number of bytes; inputs in order.
// Where `splittable` is false a file is never divided.
std::vector<Shard> PlanShards(const std::vector<int64_t>& input_bytes, bool splittable,
                              int shards_max);

}  // namespace hodei::prediction
