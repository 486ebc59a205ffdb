#include "exec/local/egress_removal.h"

#include <utility>

namespace hodei::exec {

EgressRemoval::EgressRemoval(std::function<void()> remove, std::chrono::milliseconds idle)
    : remove_(std::move(remove)), idle_(idle) {}

EgressRemoval::~EgressRemoval() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  released_.notify_all();
  thread_.join();
  remove_();
}

void EgressRemoval::Released() {
  {
    const std::lock_guard lock(mutex_);
    ++releases_;
    if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token stop) { Run(stop); });
  }
  released_.notify_all();
}

void EgressRemoval::Run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const uint64_t seen = releases_;
    if (released_.wait_for(lock, stop, idle_, [&] { return releases_ != seen; })) continue;
    if (stop.stop_requested()) return;
    lock.unlock();
    remove_();
    lock.lock();
    released_.wait(lock, stop, [&] { return releases_ != seen; });
  }
}

}  // namespace hodei::exec
