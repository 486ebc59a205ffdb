// Threads for what a job needs from the world and takes long: copying packages, starting replicas,
// removing what they left. The reconciler decides and commits on its own thread meanwhile.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hodei::jobs {

// Tasks of jobs that may be under way together, waiting ones included; whoever comes later waits
// for the end of one.
inline constexpr int kSideTasksMax = 64;

// Thread-safe.
class SideWork {
 public:
  // 0 threads: Submit() runs the task before it returns; for tests that want one order of things.
  explicit SideWork(int threads);
  // Waits for the tasks that have begun and forgets the others.
  ~SideWork();
  SideWork(const SideWork&) = delete;
  SideWork& operator=(const SideWork&) = delete;

  void Submit(std::function<void()> task);
  bool inline_only() const { return threads_.empty(); }

 private:
  void Run(std::stop_token stop);

  std::mutex mutex_;
  std::condition_variable_any filled_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  std::vector<std::jthread> threads_;        // last: joined before what they use goes
};

}  // namespace hodei::jobs
