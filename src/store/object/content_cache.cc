#include "store/object/content_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "store/object/file_bytes.h"
#include "store/object/file_contents.h"
#include "sys/file.h"

namespace hodei::store {
namespace {}  // namespace

// One content: which of its blocks the file has.
class ContentCache::Entry {
 public:
  Entry(int64_t id, uint64_t size, bool whole)
      : id_(id),
        size_(size),
        blocks_((size + kCacheBlockBytes - 1) / kCacheBlockBytes,
                whole ? Block::kThere : Block::kMissing),
        missing_(whole ? 0 : blocks_.size()) {}

  int64_t id() const { return id_; }
  uint64_t size() const { return size_; }
  bool whole() const {
    std::lock_guard lock(mutex_);
    return missing_ == 0;
  }

  // Returns when [offset, offset + length) is in the file.
  Status Fill(ContentCache* cache, int fd, uint64_t offset, uint64_t length) {
    if (length == 0) return OkStatus();
    const uint64_t end = (offset + length - 1) / kCacheBlockBytes + 1;
    std::unique_lock lock(mutex_);
    for (uint64_t block = offset / kCacheBlockBytes; block < end;) {
      if (blocks_[block] == Block::kThere) {
        ++block;
      } else if (blocks_[block] == Block::kComing) {
        changed_.wait(lock);
      } else {
        const uint64_t run_end = TakeRun(block, end);
        lock.unlock();
        const Status fetched = FetchRun(cache, fd, block, run_end);
        lock.lock();
        for (uint64_t i = block; i < run_end; ++i) {
          blocks_[i] = fetched.ok() ? Block::kThere : Block::kMissing;
        }
        if (fetched.ok()) missing_ -= run_end - block;
        changed_.notify_all();
        RETURN_IF_ERROR(fetched);
      }
    }
    return OkStatus();
  }

  // Guarded by the cache's mutex_.
  uint64_t charged_bytes = 0;
  std::list<int64_t>::iterator use;
  bool kept = false;

 private:
  enum class Block : uint8_t { kMissing, kComing, kThere };

  // With mutex_ held. A reader that goes from front to back gets more than it asked for.
  uint64_t TakeRun(uint64_t block, uint64_t end) {
    const bool onward = block > 0 && blocks_[block - 1] == Block::kThere;
    const uint64_t limit = std::min<uint64_t>(
        blocks_.size(), onward ? block + kCacheRunBlocks : std::min(end, block + kCacheRunBlocks));
    uint64_t run_end = block;
    while (run_end < limit && blocks_[run_end] == Block::kMissing) {
      blocks_[run_end++] = Block::kComing;
    }
    return run_end;
  }

  Status FetchRun(ContentCache* cache, int fd, uint64_t block, uint64_t run_end) {
    uint64_t at = block * kCacheBlockBytes;
    const uint64_t length = std::min(run_end * kCacheBlockBytes, size_) - at;
    RETURN_IF_ERROR(cache->fetch_(id_, at, length, [&](std::string_view piece) -> Status {
      RETURN_IF_ERROR_CTX(WriteAt(fd, piece, at), "the cache of contents");
      at += piece.size();
      return OkStatus();
    }));
    cache->Charge(this, length);
    return OkStatus();
  }

  const int64_t id_;
  const uint64_t size_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Block> blocks_;  // guarded by mutex_
  size_t missing_;             // guarded by mutex_
};

class ContentCache::Filler : public SliceFiller {
 public:
  Filler(ContentCache* cache, std::shared_ptr<Entry> entry, UniqueFd fd)
      : cache_(*cache), entry_(std::move(entry)), fd_(std::move(fd)) {}
  Status Fill(uint64_t offset, uint64_t length) override {
    return entry_->Fill(&cache_, fd_.get(), offset, length);
  }

 private:
  ContentCache& cache_;
  const std::shared_ptr<Entry> entry_;
  const UniqueFd fd_;
};

Result<std::unique_ptr<ContentCache>> ContentCache::Create(std::string folder, uint64_t limit_bytes,
                                                           Fetch fetch) {
  RETURN_IF_ERROR(RemoveTree(folder));
  RETURN_IF_ERROR(MakeDirectories(folder));
  return std::unique_ptr<ContentCache>(
      new ContentCache(std::move(folder), limit_bytes, std::move(fetch)));
}

ContentCache::ContentCache(std::string folder, uint64_t limit_bytes, Fetch fetch)
    : folder_(std::move(folder)), limit_bytes_(limit_bytes), fetch_(std::move(fetch)) {}

std::string ContentCache::PathOf(int64_t id) const { return folder_ + ContentFileName(id); }

Result<std::shared_ptr<ContentCache::Entry>> ContentCache::Find(int64_t id, uint64_t size) {
  std::lock_guard lock(mutex_);
  std::shared_ptr<Entry>& entry = entries_[id];
  if (entry == nullptr) {
    entry = std::make_shared<Entry>(id, size, /*whole=*/size == 0);
    Remember(entry);
  }
  if (entry->size() != size) return DataLoss("it has another size than its row says");
  by_use_.splice(by_use_.end(), by_use_, entry->use);
  return entry;
}

// With mutex_ held.
void ContentCache::Remember(const std::shared_ptr<Entry>& entry) {
  entry->use = by_use_.insert(by_use_.end(), entry->id());
  entry->kept = true;
}

Result<UniqueFd> ContentCache::OpenEntry(const Entry& entry) const {
  const std::string path = PathOf(entry.id());
  Result<UniqueFd> fd = OpenFile(path, O_RDWR | O_CREAT);
  if (fd.status().code() == Code::kNotFound) {
    RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/'))));
    fd = OpenFile(path, O_RDWR | O_CREAT);
  }
  RETURN_IF_ERROR(fd.status());
  // The kernel reads holes as zeros; nobody reads what has not been filled.
  if (ftruncate(fd->get(), static_cast<off_t>(entry.size())) != 0) {
    return ErrnoStatus(errno, "make room in the cache of contents");
  }
  return fd;
}

Result<ContentCache::Opened> ContentCache::Open(int64_t id, uint64_t size, bool whole) {
  ASSIGN_OR_RETURN(std::shared_ptr<Entry> entry, Find(id, size));
  Opened opened;
  ASSIGN_OR_RETURN(opened.fd, OpenEntry(*entry));
  if (whole) {
    opened.fetched = !entry->whole();
    const Status filled = entry->Fill(this, opened.fd.get(), 0, size);
    if (filled.code() == Code::kNotFound) Forget(id);
    RETURN_IF_ERROR(filled);
  }
  if (entry->whole()) return opened;
  ASSIGN_OR_RETURN(UniqueFd fd, OpenEntry(*entry));
  opened.filler = std::make_shared<Filler>(this, std::move(entry), std::move(fd));
  return opened;
}

Status ContentCache::Adopt(int64_t id, uint64_t size, const std::string& path) {
  const std::string here = PathOf(id);
  RETURN_IF_ERROR(MakeDirectories(here.substr(0, here.rfind('/'))));
  if (rename(path.c_str(), here.c_str()) != 0) return ErrnoStatus(errno, "rename " + path);
  auto entry = std::make_shared<Entry>(id, size, /*whole=*/true);
  {
    std::lock_guard lock(mutex_);
    std::shared_ptr<Entry>& slot = entries_[id];
    if (slot != nullptr) return OkStatus();  // read from its first place meanwhile
    slot = entry;
    Remember(entry);
  }
  Charge(entry.get(), size);
  return OkStatus();
}

void ContentCache::Forget(int64_t id) {
  std::lock_guard lock(mutex_);
  std::erase_if(forgotten_, [](const auto& item) { return item.second.expired(); });
  const auto it = entries_.find(id);
  if (it == entries_.end()) return;
  const std::shared_ptr<Entry> entry = it->second;
  entries_.erase(it);
  by_use_.erase(entry->use);
  entry->kept = false;
  bytes_ -= entry->charged_bytes;
  unlink(PathOf(id).c_str());
  if (entry.use_count() > 1) forgotten_[id] = entry;
}

bool ContentCache::InUse(int64_t id) const {
  std::lock_guard lock(mutex_);
  const auto it = forgotten_.find(id);
  if (it != forgotten_.end() && !it->second.expired()) return true;
  const auto kept = entries_.find(id);
  return kept != entries_.end() && kept->second.use_count() > 1;
}

uint64_t ContentCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

void ContentCache::Charge(Entry* entry, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  if (!entry->kept) return;
  entry->charged_bytes += bytes;
  bytes_ += bytes;
  Evict();
}

// With mutex_ held. What somebody reads stays.
void ContentCache::Evict() {
  for (auto it = by_use_.begin(); bytes_ > limit_bytes_ && it != by_use_.end();) {
    const auto found = entries_.find(*it);
    if (found->second.use_count() > 1) {
      ++it;
      continue;
    }
    bytes_ -= found->second->charged_bytes;
    unlink(PathOf(*it).c_str());
    entries_.erase(found);
    it = by_use_.erase(it);
  }
}

}  // namespace hodei::store
