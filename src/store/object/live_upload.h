// A resumable upload somebody is sending now: its open file and running hashes.
#pragma once

#include <mutex>
#include <string>

#include "base/clock.h"
#include "store/object/content_digest.h"
#include "store/object/index.h"
#include "store/object/md5_stream.h"
#include "sys/unique_fd.h"

namespace hodei::store {

struct LiveUpload {
  LiveUpload(Md5Threads* md5_threads, std::string_view digest_key)
      : md5(md5_threads), digest(digest_key) {}

  // Fixed from the start.
  std::string key;
  std::string principal;
  int64_t created_unix_seconds = 0;

  std::mutex mutex;  // guards the rest
  UploadRow row;     // as durable
  UniqueFd fd;
  uint64_t stored_bytes = 0;  // in the file, perhaps not yet durable
  uint32_t crc32c = 0;        // of them
  Md5Stream md5;
  ContentDigest digest;
  uint64_t flushed_bytes = 0;
  bool dropped = false;    // cancelled, expired or failed meanwhile
  Nanoseconds last_use{};  // monotonic; guarded by the store's uploads_mutex_
};

}  // namespace hodei::store
