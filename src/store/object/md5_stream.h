// A running MD5 that moves to a thread of its own once the bytes are many: MD5 is slower than disk
// and network, and would otherwise add its time to theirs.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/digest.h"

namespace hodei::store {

// How many such threads there may be. Thread-safe.
class Md5Threads {
 public:
  explicit Md5Threads(int limit) : free_(limit) {}
  // Without one the caller hashes by itself.
  bool Take();
  void Return() { ++free_; }

 private:
  std::atomic<int> free_;
};

// One thread at a time. Movable; what was moved from may only be assigned to or destroyed.
class Md5Stream {
 public:
  // Bytes hashed by the caller before a thread is asked for, and bytes waiting for the thread.
  static constexpr uint64_t kInlineBytes = 4 << 20;
  static constexpr size_t kQueueBytes = 2 << 20;

  // `threads` must outlive the stream.
  explicit Md5Stream(Md5Threads* threads);
  ~Md5Stream();
  Md5Stream(Md5Stream&&) noexcept;
  Md5Stream& operator=(Md5Stream&&) noexcept;

  void Update(std::string_view bytes);
  // Raw digest of everything seen; the stream may not be used after.
  std::string Final();

 private:
  class Worker;
  Md5Threads* threads_;
  DigestStream digest_{DigestStream::Kind::kMd5};
  uint64_t seen_ = 0;
  bool asked_ = false;  // for a thread
  std::unique_ptr<Worker> worker_;
};

}  // namespace hodei::store
