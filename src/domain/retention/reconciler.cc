#include "domain/retention/reconciler.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>

namespace hodei::retention {

RetentionReconciler::RetentionReconciler(const LogRetention::Parts& parts,
                                         const RetentionOptions& options)
    : parts_(parts), options_(options), logs_(parts, options.logs) {}

RetentionReconciler::~RetentionReconciler() { Stop(); }

void RetentionReconciler::Start() {
  thread_ = std::jthread([this](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    while (!stop.stop_requested()) {
      const Nanoseconds wait = RunOnce(stop);
      std::unique_lock lock(mutex);
      wake.wait_for(lock, stop, wait, [] { return false; });
    }
  });
}

void RetentionReconciler::Stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

Nanoseconds RetentionReconciler::RunOnce(const std::stop_token& stop) {
  const Nanoseconds now = parts_.clock->Monotonic();
  if (now < next_) return next_ - now;
  const Result<size_t> operations =
      PurgeOperations(parts_.meta, options_.operations, parts_.clock->Now(), stop);
  if (!operations.ok()) spdlog::warn("remove old operations: {}", operations.status().message());
  const Result<size_t> logs = logs_.RunOnce(stop);
  if (!logs.ok()) spdlog::warn("remove old logs: {}", logs.status().message());
  if (operations.value_or(0) + logs.value_or(0) > 0) {
    spdlog::info("retention: {} operations and the logs of {} jobs and versions removed",
                 operations.value_or(0), logs.value_or(0));
  }
  next_ = parts_.clock->Monotonic() + options_.interval;
  return options_.interval;
}

}  // namespace hodei::retention
