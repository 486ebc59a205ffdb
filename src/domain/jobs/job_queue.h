// Queued jobs in the order they may start: higher priority first, then first come, first served.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "domain/jobs/cluster.h"

namespace hodei::jobs {

struct QueuedJob {
  std::string name;      // "projects/P/jobs/J"
  int32_t priority = 0;  // 0..1000
  int64_t order = 0;     // of creation; unique
  Claim claim;           // what its machine types ask for
};

// Jobs come with growing `order` and mostly leave near the front: both are O(log n) then, and
// leaving from the middle moves at most half of the jobs of one priority.
class JobQueue {
 public:
  // Nothing happens when a job with that priority and order is there.
  void Add(QueuedJob job);
  // False when it is not there.
  bool Remove(int32_t priority, int64_t order);
  size_t size() const { return size_; }
  // 1 for the first; 0 when it is not there.
  size_t Position(int32_t priority, int64_t order) const;
  const QueuedJob* Front() const;
  // In order, until `visit` returns false.
  void ForEach(const std::function<bool(const QueuedJob&)>& visit) const;

 private:
  using Lane = std::deque<QueuedJob>;  // sorted by order
  std::map<int32_t, Lane, std::greater<>> lanes_;
  size_t size_ = 0;
};

}  // namespace hodei::jobs
