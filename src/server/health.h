// What GET /healthz says: "ok" until something failed that only a person can mend. Thread-safe.
#pragma once

#include <mutex>
#include <string>

#include "base/status.h"

namespace hodei::server {

class Health {
 public:
  // The first report stays: what follows from a failure says less than the failure.
  void Degrade(const Status& status) {
    const std::lock_guard lock(mutex_);
    if (problem_.empty()) problem_ = status.message();
  }
  // Empty: all is well.
  std::string problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
  }

 private:
  mutable std::mutex mutex_;
  std::string problem_;  // guarded by mutex_
};

}  // namespace hodei::server
