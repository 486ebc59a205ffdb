// New bytes on their way to being a content: small ones wait in memory for the segment, large ones
// stream into a file; hashed while they come.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/status.h"
#include "store/object/content_store.h"
#include "store/object/index.h"
#include "store/object/md5_stream.h"
#include "sys/unique_fd.h"

namespace hodei::store {

// Gives out content ids and knows which have a file but no row yet. Thread-safe.
class ContentIds {
 public:
  explicit ContentIds(int64_t next) : next_(next) {}
  int64_t Take();
  void Done(int64_t id);
  bool InProgress(int64_t id) const;

 private:
  mutable std::mutex mutex_;
  int64_t next_;            // guarded by mutex_
  std::set<int64_t> open_;  // guarded by mutex_
};

// One thread at a time. Destruction before Keep() removes the bytes.
class ContentBuilder {
 public:
  // All must outlive the builder. Without `md5_threads` there is no MD5: the digest stays empty.
  ContentBuilder(ContentStore* contents, ContentIds* ids, uint64_t small_bytes,
                 Md5Threads* md5_threads);
  ~ContentBuilder();
  ContentBuilder(const ContentBuilder&) = delete;
  ContentBuilder& operator=(const ContentBuilder&) = delete;

  Status Append(std::string_view bytes);
  uint64_t size_bytes() const { return size_bytes_; }
  // Ends the bytes: hashes are final, a large content is on disk.
  Status Finish();
  const std::string& md5() const { return md5_; }
  uint32_t crc32c() const { return crc32c_; }
  // Within the index write: puts small bytes into the segment and adds the row, with one reference.
  Result<int64_t> Store(Index& index) const;
  // The row is committed.
  void Keep() { kept_ = true; }

 private:
  Status Spill();

  ContentStore& contents_;
  ContentIds& ids_;
  const uint64_t small_bytes_;
  const int64_t id_;
  std::optional<Md5Stream> md5_stream_;
  std::string md5_;
  uint32_t crc32c_ = 0;
  uint64_t size_bytes_ = 0;
  uint64_t flushed_bytes_ = 0;  // handed to the disk early
  std::string small_;           // until there is a file
  UniqueFd fd_;
  bool kept_ = false;
};

// Starts writing [from, to) of the file back, so that the sync at the end finds little to do.
void StartWriteback(int fd, uint64_t from, uint64_t to);
inline constexpr uint64_t kWritebackBytes = 8 << 20;

}  // namespace hodei::store
