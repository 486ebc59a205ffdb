// Files of contents that lie elsewhere, whole or in part: what is read comes here first, what is
// read again is here already. Of bounded size; the least recently used go.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/object/object_store.h"
#include "sys/unique_fd.h"

namespace hodei::store {

inline constexpr uint64_t kCacheBlockBytes = 1 << 20;
// Fetched in one piece when a content is read from front to back.
inline constexpr uint64_t kCacheRunBlocks = 8;

// Thread-safe.
class ContentCache {
 public:
  // Gives the content's bytes [offset, offset + length) to the sink, in order.
  using Fetch = std::function<Status(int64_t id, uint64_t offset, uint64_t length,
                                     const std::function<Status(std::string_view)>& sink)>;
  // Empties `folder`: what a crash left there may not be what it seems.
  static Result<std::unique_ptr<ContentCache>> Create(std::string folder, uint64_t limit_bytes,
                                                      Fetch fetch);

  // The file of a content of `size` bytes, and what brings its bytes there. Both are good for as
  // long as they are held, whatever happens to the content here. With `whole`, all bytes are there
  // and the filler is null.
  struct Opened {
    UniqueFd fd;
    std::shared_ptr<SliceFiller> filler;
    bool fetched = false;  // by this call, whole
  };
  Result<Opened> Open(int64_t id, uint64_t size, bool whole);
  // Takes over a file that is whole.
  Status Adopt(int64_t id, uint64_t size, const std::string& path);
  void Forget(int64_t id);
  // Whether somebody may still fetch bytes of the content.
  bool InUse(int64_t id) const;
  uint64_t bytes() const;

 private:
  class Entry;
  class Filler;
  ContentCache(std::string folder, uint64_t limit_bytes, Fetch fetch);
  std::string PathOf(int64_t id) const;
  Result<std::shared_ptr<Entry>> Find(int64_t id, uint64_t size);
  Result<UniqueFd> OpenEntry(const Entry& entry) const;
  void Remember(const std::shared_ptr<Entry>& entry);
  void Charge(Entry* entry, uint64_t bytes);
  void Evict();

  const std::string folder_;
  const uint64_t limit_bytes_;
  const Fetch fetch_;
  mutable std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<Entry>> entries_;  // guarded by mutex_
  std::map<int64_t, std::weak_ptr<Entry>> forgotten_;  // may be in use; guarded by mutex_
  std::list<int64_t> by_use_;                          // oldest first; guarded by mutex_
  uint64_t bytes_ = 0;                                 // guarded by mutex_
};

}  // namespace hodei::store
