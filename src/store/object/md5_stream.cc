#include "store/object/md5_stream.h"

#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace hodei::store {

bool Md5Threads::Take() {
  int free = free_.load();
  while (free > 0) {
    if (free_.compare_exchange_weak(free, free - 1)) return true;
  }
  return false;
}

class Md5Stream::Worker {
 public:
  static constexpr size_t kSpareLimit = 8;

  Worker(DigestStream digest, Md5Threads* threads)
      : threads_(*threads), digest_(std::move(digest)), thread_([this] { Run(); }) {}

  ~Worker() {
    Stop();
    threads_.Return();
  }

  void Update(std::string_view bytes) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return queued_bytes_ < kQueueBytes; });
    queued_bytes_ += bytes.size();
    std::string piece;
    if (!spare_.empty()) {
      piece = std::move(spare_.back());
      spare_.pop_back();
    }
    lock.unlock();  // one caller at a time: nobody comes in between
    piece.assign(bytes);
    lock.lock();
    queue_.push_back(std::move(piece));
    work_.notify_one();
  }

  std::string Final() {
    Stop();
    return digest_.Final();
  }

 private:
  // Lets the thread finish what is queued.
  void Stop() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    work_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

  void Run() {
    pthread_setname_np(pthread_self(), "md5");
    std::unique_lock lock(mutex_);
    while (true) {
      work_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      std::string piece = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      digest_.Update(piece);
      lock.lock();
      queued_bytes_ -= piece.size();
      // Large buffers are dear: the kernel hands out every page of a new one by itself.
      if (spare_.size() < kSpareLimit) spare_.push_back(std::move(piece));
      room_.notify_one();
    }
  }

  Md5Threads& threads_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  std::deque<std::string> queue_;   // guarded by mutex_
  std::vector<std::string> spare_;  // guarded by mutex_; buffers to be used again
  size_t queued_bytes_ = 0;         // guarded by mutex_; with the piece being hashed
  bool stopping_ = false;           // guarded by mutex_
  DigestStream digest_;             // the thread's until it is joined
  std::thread thread_;
};

Md5Stream::Md5Stream(Md5Threads* threads) : threads_(threads) {}
Md5Stream::~Md5Stream() = default;
Md5Stream::Md5Stream(Md5Stream&&) noexcept = default;
Md5Stream& Md5Stream::operator=(Md5Stream&&) noexcept = default;

void Md5Stream::Update(std::string_view bytes) {
  if (worker_ != nullptr) return worker_->Update(bytes);
  digest_.Update(bytes);
  seen_ += bytes.size();
  if (seen_ < kInlineBytes || asked_) return;
  asked_ = true;
  if (threads_->Take()) worker_ = std::make_unique<Worker>(std::move(digest_), threads_);
}

std::string Md5Stream::Final() {
  if (worker_ == nullptr) return digest_.Final();
  std::string digest = worker_->Final();
  worker_.reset();
  return digest;
}

}  // namespace hodei::store
