#include "net/worker_pool.h"

#include <pthread.h>

#include <utility>

namespace hodei::net {

WorkerPool::WorkerPool(int threads, size_t queue_limit) : queue_limit_(queue_limit) {
  sem_init(&tasks_, 0, 0);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { Run(); });
    pthread_setname_np(threads_.back().native_handle(), "http-pool");
  }
}

WorkerPool::~WorkerPool() {
  for (size_t i = 0; i < threads_.size(); ++i) sem_post(&tasks_);
  for (std::thread& thread : threads_) thread.join();
  sem_destroy(&tasks_);
}

bool WorkerPool::Full() const {
  const std::lock_guard lock(mutex_);
  // Tasks that idle threads are about to take are not waiting.
  return queue_.size() >= queue_limit_ + idle_;
}

void WorkerPool::Submit(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
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
