#include "domain/jobs/job_queue.h"

#include <algorithm>

namespace hodei::jobs {
namespace {

template <typename Lane>
auto Find(Lane& lane, int64_t order) {
  return std::lower_bound(lane.begin(), lane.end(), order,
                          [](const QueuedJob& job, int64_t o) { return job.order < o; });
}

}  // namespace

void JobQueue::Add(QueuedJob job) {
  Lane& lane = lanes_[job.priority];
  const auto place = Find(lane, job.order);
  if (place != lane.end() && place->order == job.order) return;
  lane.insert(place, std::move(job));
  ++size_;
}

bool JobQueue::Remove(int32_t priority, int64_t order) {
  const auto lane = lanes_.find(priority);
  if (lane == lanes_.end()) return false;
  const auto place = Find(lane->second, order);
  if (place == lane->second.end() || place->order != order) return false;
  lane->second.erase(place);
  if (lane->second.empty()) lanes_.erase(lane);
  --size_;
  return true;
}

size_t JobQueue::Position(int32_t priority, int64_t order) const {
  size_t before = 0;
  for (const auto& [lane_priority, lane] : lanes_) {
    if (lane_priority != priority) {
      before += lane.size();
      continue;
    }
    const auto place = Find(lane, order);
    if (place == lane.end() || place->order != order) return 0;
    return before + static_cast<size_t>(place - lane.begin()) + 1;
  }
  return 0;
}

const QueuedJob* JobQueue::Front() const {
  return lanes_.empty() ? nullptr : &lanes_.begin()->second.front();
}

void JobQueue::ForEach(const std::function<bool(const QueuedJob&)>& visit) const {
  for (const auto& [priority, lane] : lanes_) {
    for (const QueuedJob& job : lane) {
      if (!visit(job)) return;
    }
  }
}

}  // namespace hodei::jobs
