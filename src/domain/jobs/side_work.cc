#include "domain/jobs/side_work.h"

#include <utility>

namespace hodei::jobs {

SideWork::SideWork(int threads) {
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this](std::stop_token stop) { Run(std::move(stop)); });
  }
}

SideWork::~SideWork() {
  for (std::jthread& thread : threads_) thread.request_stop();
  filled_.notify_all();
}

void SideWork::Submit(std::function<void()> task) {
  if (inline_only()) return task();
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
  }
  filled_.notify_one();
}

void SideWork::Run(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (filled_.wait(lock, stop, [this] { return !queue_.empty(); }), !stop.stop_requested()) {
    std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    task();
    task = nullptr;
    lock.lock();
  }
}

}  // namespace hodei::jobs
