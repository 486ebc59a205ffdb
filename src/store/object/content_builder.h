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
#include "store/object/content_digest.h"
#include "store/object/content_store.h"
#include "store/object/index.h"
#include "store/object/md5_stream.h"
#include "store/object/new_content.h"
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

// What the making of contents needs of the store. All outlive every builder.
struct ContentTools {
  ContentStore* contents = nullptr;
  ContentIds* ids = nullptr;
  Md5Threads* md5_threads = nullptr;
  std::string digest_key;
  uint64_t small_bytes = 0;
};

// One thread at a time. Destruction before Keep() removes the bytes.
class ContentBuilder : public NewContent {
 public:
  enum class Md5 { kYes, kNo };
  ContentBuilder(const ContentTools* tools, Md5 md5);
  ~ContentBuilder() override;
  ContentBuilder(const ContentBuilder&) = delete;
  ContentBuilder& operator=(const ContentBuilder&) = delete;

  Status Append(std::string_view bytes);
  uint64_t size_bytes() const { return facts_.size_bytes; }
  // Ends the bytes; facts() are final. Once.
  void End();
  // After End(); empty without. MD5 may still be running in a thread of its own: what can be done
  // meanwhile should be done before this.
  const std::string& FinishMd5();

  const ContentFacts& facts() const override { return facts_; }
  bool large() const override { return static_cast<bool>(fd_); }
  Status Sync() override;
  Result<int64_t> Store(Index& index, const std::string& digest) override;
  void Keep() override;

 private:
  Status Spill();

  const ContentTools& tools_;
  const int64_t id_;
  std::optional<Md5Stream> md5_stream_;
  std::string md5_;
  ContentDigest digest_;
  ContentFacts facts_;
  uint64_t flushed_bytes_ = 0;  // handed to the disk early
  std::string small_;           // until there is a file
  UniqueFd fd_;
  bool kept_ = false;
};

// Within the index write: the bytes go to the open segment, and `row` says where.
Status StoreSmall(Index& index, ContentStore& contents, std::string_view bytes, ContentRow* row);

// Starts writing [from, to) of the file back, so that the sync at the end finds little to do.
void StartWriteback(int fd, uint64_t from, uint64_t to);
inline constexpr uint64_t kWritebackBytes = 8 << 20;

}  // namespace hodei::store
