#include "domain/serving/gate.h"

#include <algorithm>
#include <utility>

namespace hodei::serving {

Lease::~Lease() {
  if (gate_ != nullptr) Finish(false);
}

void Lease::Finish(bool answered) {
  if (gate_ == nullptr) return;
  const std::shared_ptr<Gate> gate = std::exchange(gate_, nullptr);
  gate->Release(node_, answered);
}

std::shared_ptr<Node> Gate::Choose() {
  std::shared_ptr<Node> best;
  for (const auto& node : nodes_) {
    if (node->draining || node->in_flight >= kNodeInFlightMax) continue;
    if (best == nullptr || node->in_flight < best->in_flight) best = node;
  }
  return best;
}

void Gate::Watch() {
  const auto nodes = static_cast<int>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const auto& node) { return !node->draining; }));
  const int load = in_flight_ + static_cast<int>(waiting_.size());
  const Nanoseconds now = clock_->Monotonic();
  const bool busy = nodes > 0 && load > nodes * kBusyInFlight;
  const bool slack = nodes > 1 && load <= (nodes - 1) * kBusyInFlight / 2;
  if (!busy) busy_since_.reset();
  if (busy && !busy_since_) busy_since_ = now;
  if (!slack) slack_since_.reset();
  if (slack && !slack_since_) slack_since_ = now;
}

void Gate::Acquire(Ready ready) {
  std::unique_lock lock(mutex_);
  last_use_ = clock_->Monotonic();
  if (closed_) {
    const Status status = *closed_;
    lock.unlock();
    return ready(status);
  }
  if (const std::shared_ptr<Node> node = waiting_.empty() ? Choose() : nullptr) {
    ++node->in_flight;
    ++in_flight_;
    const bool was_busy = busy_since_.has_value();
    Watch();
    const bool demand = !was_busy && busy_since_;
    lock.unlock();
    if (demand) demand_();
    return ready(Lease(shared_from_this(), node));
  }
  if (waiting_.size() >= kWaitingMax) {
    lock.unlock();
    return ready(ResourceExhausted("Too many requests wait for this version; try again later."));
  }
  waiting_.push_back({last_use_ + kRequestDeadline, std::move(ready)});
  Watch();
  lock.unlock();
  demand_();
}

std::vector<std::pair<Gate::Ready, Lease>> Gate::Match() {
  std::vector<std::pair<Ready, Lease>> matched;
  while (!waiting_.empty()) {
    const std::shared_ptr<Node> node = Choose();
    if (node == nullptr) break;
    ++node->in_flight;
    ++in_flight_;
    matched.emplace_back(std::move(waiting_.front().ready), Lease(shared_from_this(), node));
    waiting_.pop_front();
  }
  Watch();
  return matched;
}

void Gate::Release(const std::shared_ptr<Node>& node, bool answered) {
  std::unique_lock lock(mutex_);
  --node->in_flight;
  --in_flight_;
  last_use_ = clock_->Monotonic();
  node->failures_in_a_row = answered ? 0 : node->failures_in_a_row + 1;
  const bool demand = !answered || (node->draining && node->in_flight == 0);
  auto matched = Match();
  lock.unlock();
  for (auto& [ready, lease] : matched) ready(std::move(lease));
  if (demand) demand_();
}

void Gate::Refuse(const Status& status, bool closed) {
  std::deque<Waiter> refused;
  {
    const std::lock_guard lock(mutex_);
    if (closed) closed_ = status;
    refused.swap(waiting_);
    Watch();
  }
  for (Waiter& waiter : refused) waiter.ready(status);
}

void Gate::AddNode(std::shared_ptr<Node> node) {
  std::unique_lock lock(mutex_);
  nodes_.push_back(std::move(node));
  auto matched = Match();
  lock.unlock();
  for (auto& [ready, lease] : matched) ready(std::move(lease));
}

void Gate::Drain(const std::string& id) {
  const std::lock_guard lock(mutex_);
  for (const auto& node : nodes_) {
    if (node->id == id) node->draining = true;
  }
  Watch();
}

void Gate::RemoveNode(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::erase_if(nodes_, [&](const auto& node) { return node->id == id; });
  Watch();
}

std::shared_ptr<const Node> Gate::Find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& node : nodes_) {
    if (node->id == id) return node;
  }
  return nullptr;
}

Gate::NodeLoad Gate::LoadOf(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  for (const auto& node : nodes_) {
    if (node->id == id) return {node->in_flight, node->failures_in_a_row};
  }
  return {};
}

GateLoad Gate::Load() const {
  const std::lock_guard lock(mutex_);
  return {in_flight_, static_cast<int>(waiting_.size()), last_use_, busy_since_, slack_since_};
}

void Gate::Expire() {
  std::vector<Ready> late;
  {
    const std::lock_guard lock(mutex_);
    const Nanoseconds now = clock_->Monotonic();
    while (!waiting_.empty() && waiting_.front().until <= now) {
      late.push_back(std::move(waiting_.front().ready));
      waiting_.pop_front();
    }
    Watch();
  }
  for (const Ready& ready : late) {
    ready(DeadlineExceeded("No node of the version was ready in time."));
  }
}

void Gate::Count(int http_status, Nanoseconds latency) {
  const std::lock_guard lock(mutex_);
  counts_.Add(http_status, latency, clock_->Monotonic());
}

RequestCounts Gate::Counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace hodei::serving
