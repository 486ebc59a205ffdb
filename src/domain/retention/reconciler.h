// What is kept for a time only: operations and logs. Takes no input: every pass starts from what
// the stores list, so a pass that was cut short, or done twice, does no harm.
#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "domain/retention/log_retention.h"
#include "domain/retention/operation_retention.h"

namespace hodei::retention {

struct RetentionOptions {
  LogLimits logs;
  OperationLimits operations;
  // Limits count in days.
  std::chrono::seconds interval{3600};
};

class RetentionReconciler {
 public:
  RetentionReconciler(const LogRetention::Parts& parts, const RetentionOptions& options);
  ~RetentionReconciler();

  // In a thread of its own until Stop() or destruction.
  void Start();
  void Stop();

  // What the thread does, for tests: what is due now. Returns how long nothing will be.
  Nanoseconds RunOnce(const std::stop_token& stop = {});

 private:
  const LogRetention::Parts parts_;
  const RetentionOptions options_;
  LogRetention logs_;
  Nanoseconds next_{};
  std::jthread thread_;
};

}  // namespace hodei::retention
