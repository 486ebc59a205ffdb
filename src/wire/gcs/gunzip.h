// Inflating gzip as it arrives. Coroutine-free and bounded: one piece in, a bounded piece out.
#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "base/status.h"

namespace hodei::wire::gcs {

// One thread at a time.
class Gunzip {
 public:
  // More than `output_limit` bytes in all are INVALID_ARGUMENT "uploadTooLarge".
  explicit Gunzip(uint64_t output_limit);
  ~Gunzip();
  // Gives `sink` what `bytes` inflate to, in pieces of at most 64 KiB.
  Status Feed(std::string_view bytes, const std::function<Status(std::string_view)>& sink);
  // INVALID_ARGUMENT when the stream is cut short.
  Status Finish() const;

 private:
  struct Context;
  std::unique_ptr<Context> context_;
  const uint64_t output_limit_;
  uint64_t produced_ = 0;
  bool ended_ = false;
};

}  // namespace hodei::wire::gcs
