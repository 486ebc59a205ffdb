// Threads that run blocking handler calls in the order they were submitted. Most calls wait for the
// disk, and how many wait together is how many share one sync: so there may be many threads, and
// one is made only when all others are busy.
#pragma once

#include <semaphore.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hodei::net {

// Thread-safe. The destructor runs what was submitted, then joins.
class WorkerPool {
 public:
  // `queue_limit` is how many tasks may wait before Full() says so. Throws std::system_error when
  // not even the first few threads can be made; later ones are gone without.
  WorkerPool(size_t thread_limit, size_t queue_limit);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // New work should be refused. Work that is already under way goes on: a connection has at most
  // one task here at a time, so the connection limit bounds the queue.
  bool Full() const;
  void Submit(std::function<void()> task);
  size_t threads() const;

 private:
  void AddThread();
  void Run();

  const size_t thread_limit_;
  const size_t queue_limit_;
  mutable std::mutex mutex_;
  // Counts the tasks in queue_, and one more for each thread that is to end. A condition variable
  // costs the submitting I/O thread several times as much under glibc 2.36.
  sem_t tasks_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  size_t idle_ = 0;                          // guarded by mutex_
  std::vector<std::thread> threads_;         // guarded by mutex_ until the destructor
};

}  // namespace hodei::net
