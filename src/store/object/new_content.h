// Bytes that have all arrived and are about to become a content, or to be given up for one that is
// there already.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "store/object/index.h"

namespace hodei::store {

struct ContentFacts {
  uint64_t size_bytes = 0;
  uint32_t crc32c = 0;
  std::string digest;
};

class NewContent {
 public:
  virtual ~NewContent() = default;
  virtual const ContentFacts& facts() const = 0;
  // Whether it has a file of its own, which must be synced before its row is committed.
  virtual bool large() const = 0;
  virtual Status Sync() = 0;
  // Within the index write: puts small bytes into the segment and adds the row, with one reference.
  virtual Result<int64_t> Store(Index& index, const std::string& digest) = 0;
  // The row is committed.
  virtual void Keep() = 0;
};

// How one new content finds out whether its bytes are stored already. Sharing with bytes that have
// rotted would lose good ones, so what is there is read and checked first, outside of the index
// write.
struct ContentSharing {
  explicit ContentSharing(NewContent* content) : content(*content) {}

  NewContent& content;
  bool synced = false;
  bool off = false;                     // too much changed meanwhile: store without sharing
  std::optional<ContentRow> candidate;  // to be checked
  std::optional<ContentRow> checked;    // the same bytes, good
  std::set<int64_t> rotten;
  // Of the last attempt.
  bool again = false;
  bool stored = false;
  int64_t content_id = 0;
};

// Contents whose bytes were written or checked a moment ago, so that many copies of one small thing
// cost one check. Thread-safe.
class RecentlyChecked {
 public:
  static constexpr std::chrono::minutes kAge{10};
  static constexpr size_t kLimit = 4096;

  explicit RecentlyChecked(const Clock* clock) : clock_(*clock) {}
  void Add(int64_t content_id);
  void Remove(int64_t content_id);
  bool Contains(int64_t content_id) const;

 private:
  const Clock& clock_;
  mutable std::mutex mutex_;
  std::map<int64_t, Nanoseconds> seen_;  // guarded by mutex_
};

}  // namespace hodei::store
