// How much of the host serving may use beside jobs.
#pragma once

#include <cstdint>
#include <string>

namespace hodei::serving {

// Thread-safe. Jobs' side of it is domain/jobs' reconciler.
class ServingHost {
 public:
  virtual ~ServingHost() = default;
  // Memory of the host that jobs and serving share.
  virtual int64_t total_memory_bytes() const = 0;
  virtual int64_t jobs_memory_bytes() const = 0;
  // What nodes hold, all holders together.
  virtual int64_t held_memory_bytes() const = 0;
  // What `holder` ("serving", "batch") holds from now on: jobs get what is left.
  virtual void Hold(const std::string& holder, int64_t bytes) = 0;
};

// Serving may always have this part of the memory, even when jobs were given all of it, and never
// more than twice that. CPU is no obstacle: a node has a quota, and who runs shares what there is.
inline constexpr int64_t kServingShareDivisor = 4;

// Nodes of `node_bytes` that fit beside `serving_bytes` of them. Pure.
int RoomFor(int64_t node_bytes, int64_t serving_bytes, int64_t jobs_bytes, int64_t total_bytes);

}  // namespace hodei::serving
