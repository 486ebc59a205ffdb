// Bytes are removed only while nobody else wants all of them to stay: who copies or checks a
// store's folder holds an exclusive lock on a file in it (PauseRemovals()).
#pragma once

#include <functional>
#include <string>

#include "sys/unique_fd.h"

namespace hodei::store {

// Not thread-safe.
class RemovalGate {
 public:
  explicit RemovalGate(std::string directory) : directory_(std::move(directory)) {}
  // Runs `remove` unless somebody has the lock; whether it ran.
  bool Pass(const std::function<void()>& remove);

 private:
  bool SetLock(int16_t type) const;
  const std::string directory_;
  UniqueFd fd_;
};

}  // namespace hodei::store
