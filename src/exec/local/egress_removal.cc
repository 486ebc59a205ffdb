#include "exec/local/egress_removal.h"

#include <utility>

#include "exec/sandbox/network.h"

namespace hodei::exec {

EgressRemoval::EgressRemoval(std::string lock_path, std::chrono::milliseconds idle)
    : lock_path_(std::move(lock_path)), idle_(idle) {}

EgressRemoval::~EgressRemoval() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  released_.notify_all();
  thread_.join();
  (void)RemoveUnusedEgress(lock_path_);
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
    (void)RemoveUnusedEgress(lock_path_);
    lock.lock();
    released_.wait(lock, stop, [&] { return releases_ != seen; });
  }
}

}  // namespace hodei::exec
