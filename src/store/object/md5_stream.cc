#include "store/object/md5_stream.h"

#include <pthread.h>
#include <sys/mman.h>

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <new>
#include <thread>
#include <utility>

namespace hodei::store {

bool Md5Threads::Take() {
  int free = free_.load();
  while (free > 0) {
    if (free_.compare_exchange_weak(free, free - 1)) return true;
  }
  return false;
}

namespace {

// Pages that go back to the system with it: freed memory of this size stays with the allocator's
// arena, of which every thread may have another.
class Ring {
 public:
  Ring()
      : bytes_(mmap(nullptr, Md5Stream::kQueueBytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    if (bytes_ == MAP_FAILED) throw std::bad_alloc();
  }
  ~Ring() { munmap(bytes_, Md5Stream::kQueueBytes); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  char* at(size_t offset) const { return static_cast<char*>(bytes_) + offset; }

 private:
  void* bytes_;
};

}  // namespace

class Md5Stream::Worker {
 public:
  Worker(DigestStream digest, Md5Threads* threads)
      : threads_(*threads), digest_(std::move(digest)), thread_([this] { Run(); }) {}

  ~Worker() {
    Stop();
    threads_.Return();
  }

  void Update(std::string_view bytes) {
    std::unique_lock lock(mutex_);
    while (!bytes.empty()) {
      room_.wait(lock, [this] { return filled_ < kQueueBytes; });
      const size_t end = (begin_ + filled_) % kQueueBytes;
      const size_t n = std::min({bytes.size(), kQueueBytes - filled_, kQueueBytes - end});
      lock.unlock();  // one caller at a time: nobody else fills
      std::memcpy(ring_.at(end), bytes.data(), n);
      bytes.remove_prefix(n);
      lock.lock();
      filled_ += n;
      work_.notify_one();
    }
  }

  std::string Final() {
    Stop();
    return digest_.Final();
  }

 private:
  static constexpr size_t kPieceBytes = 128 * 1024;  // hashed before their room is given back

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
      work_.wait(lock, [this] { return stopping_ || filled_ > 0; });
      if (filled_ == 0) return;
      const size_t n = std::min({filled_, kQueueBytes - begin_, kPieceBytes});
      lock.unlock();
      digest_.Update({ring_.at(begin_), n});
      lock.lock();
      begin_ = (begin_ + n) % kQueueBytes;
      filled_ -= n;
      room_.notify_one();
    }
  }

  Md5Threads& threads_;
  const Ring ring_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::condition_variable room_;
  size_t begin_ = 0;       // guarded by mutex_; written by the thread only
  size_t filled_ = 0;      // guarded by mutex_; with the piece being hashed
  bool stopping_ = false;  // guarded by mutex_
  DigestStream digest_;    // the thread's until it is joined
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
