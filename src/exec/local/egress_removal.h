// Gives back what internet access needs of the machine (packet filter table, forwarding) when no
// replica has used it for a while: replicas that follow each other closely find it in place.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

namespace hodei::exec {

inline constexpr std::chrono::seconds kEgressIdle{30};

// Thread-safe.
class EgressRemoval {
 public:
  // `remove` gives back what is unused; it may take long.
  explicit EgressRemoval(std::function<void()> remove,
                         std::chrono::milliseconds idle = kEgressIdle);
  // Does it at once if anything was released.
  ~EgressRemoval();
  EgressRemoval(const EgressRemoval&) = delete;
  EgressRemoval& operator=(const EgressRemoval&) = delete;

  // A replica with internet access is gone. From the first call on, a thread waits.
  void Released();

 private:
  void Run(std::stop_token stop);

  const std::function<void()> remove_;
  const std::chrono::milliseconds idle_;
  std::mutex mutex_;
  std::condition_variable_any released_;
  uint64_t releases_ = 0;  // guarded by mutex_
  std::jthread thread_;    // guarded by mutex_ until the destructor
};

}  // namespace hodei::exec
