#include "net/worker_pool.h"

#include <pthread.h>

#include <algorithm>
#include <system_error>
#include <utility>

namespace hodei::net {

// What a server always has, so that one which is out of threads later still answers.
constexpr size_t kFirstThreads = 4;

WorkerPool::WorkerPool(size_t thread_limit, size_t queue_limit)
    : thread_limit_(std::max<size_t>(1, thread_limit)), queue_limit_(queue_limit) {
  sem_init(&tasks_, 0, 0);
  const std::lock_guard lock(mutex_);
  while (threads_.size() < std::min(kFirstThreads, thread_limit_)) AddThread();
}

void WorkerPool::AddThread() {
  threads_.emplace_back([this] { Run(); });
  pthread_setname_np(threads_.back().native_handle(), "http-pool");
}

size_t WorkerPool::threads() const {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

WorkerPool::~WorkerPool() {
  for (size_t i = 0; i < threads_.size(); ++i) sem_post(&tasks_);
  for (std::thread& thread : threads_) thread.join();
  sem_destroy(&tasks_);
}

bool WorkerPool::Full() const {
  const std::lock_guard lock(mutex_);
  // Tasks that a thread is about to take are not waiting.
  return queue_.size() >= queue_limit_ + idle_ + (thread_limit_ - threads_.size());
}

void WorkerPool::Submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
    // A thread counts as idle until it has taken its task.
    if (queue_.size() > idle_ && threads_.size() < thread_limit_) {
      try {
        AddThread();
      } catch (const std::system_error&) {
        // Out of threads for now: those that are there take it later.
      }
    }
  }
  sem_post(&tasks_);
}

void WorkerPool::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    lock.unlock();
    while (sem_wait(&tasks_) != 0) {
    }
    lock.lock();
    --idle_;
    if (queue_.empty()) return;  // the destructor's count: nothing is submitted any more
    std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace hodei::net
