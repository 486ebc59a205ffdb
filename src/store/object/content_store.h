// Where content bytes lie: files of their own for large contents, shared append-only segments for
// small ones. Knows ids and places, no names. Three implementations: a directory, memory, and an
// S3-compatible server.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/object/index.h"
#include "store/object/object_store.h"
#include "sys/unique_fd.h"

namespace hodei::store {

struct SegmentPlace {
  int64_t segment = 0;
  uint64_t offset = 0;
};

// A large content opened for reading.
struct LargeContent {
  UniqueFd fd;
  std::shared_ptr<SliceFiller> filler;  // see FileSlice
  bool fetched = false;  // its bytes came from elsewhere just now: nobody checked them
};

// Thread-safe, except where said.
class ContentStore {
 public:
  virtual ~ContentStore() = default;

  // A new empty file for content `id`, open for reading and writing.
  virtual Result<UniqueFd> CreateFile(int64_t id) = 0;
  // The file of an unfinished upload again.
  virtual Result<UniqueFd> ReopenFile(int64_t id) = 0;
  // Bytes and name of the file survive power loss after this.
  virtual Status SyncFile(int64_t id, int fd) = 0;
  // The same where contents belong, for a file that has all of its `size` bytes. A row may refer to
  // it from now on.
  virtual Status FinishFile(int64_t id, int fd, uint64_t size) {
    (void)size;
    return SyncFile(id, fd);
  }
  // A row refers to it: that is committed.
  virtual void KeepFile(int64_t id, uint64_t size) { (void)id, (void)size; }
  // Removals may be put off while a backup runs; FinishRemovals() makes up for it.
  virtual void RemoveFile(int64_t id) = 0;
  virtual void FinishRemovals() = 0;

  // Appends to the open segment; readable and durable after SyncSegments(). Both only from the
  // index writer. After an error everything appended since the last sync is lost.
  virtual Result<SegmentPlace> AppendSmall(std::string_view bytes) = 0;
  virtual Status SyncSegments() = 0;
  virtual void RemoveSegment(int64_t segment) = 0;
  // The segment that AppendSmall() writes to now, 0 before the first. Only from the index writer.
  virtual int64_t open_segment() const = 0;
  // A small content is no longer referred to.
  virtual void ReleaseSmall(const ContentRow& row) = 0;

  // A large content for reading, and a small one's bytes, whole and unchecked. NOT_FOUND when it
  // has just been removed or moved: look the row up again.
  virtual Result<LargeContent> OpenLarge(const ContentRow& row) = 0;
  virtual Result<std::string> ReadSmall(const ContentRow& row) = 0;
  // A small content's bytes when they can be had without waiting for a disk, unchecked.
  virtual std::optional<std::string> ReadSmallNow(const ContentRow&) { return std::nullopt; }
  // Drops what was copied of the content in order to read it faster; false when nothing was,
  // because what is read is the content itself.
  virtual bool DropCopy(int64_t id) {
    (void)id;
    return false;
  }
  // Whether the place has checksums of its own, and has this large content whole. False: read it.
  virtual Result<bool> Vouches(const ContentRow& row) {
    (void)row;
    return false;
  }

  // Whether small contents lie in segments that grow sparse, which the index then counts.
  virtual bool counts_segments() const = 0;
  // How large the segment is, with what nobody refers to any more.
  virtual Result<uint64_t> SegmentBytes(int64_t segment) = 0;

  // What is there, sorted, for fsck.
  virtual Result<std::vector<int64_t>> ListFiles() = 0;
  // What a crash may have left that no row refers to, for recovery at start...
  virtual Result<std::vector<int64_t>> ListLeftovers() { return ListFiles(); }
  // ...and, where listing everything at start takes too long, a page at a time while running: ids
  // given out before the start. Absent at the end. From one thread.
  virtual Result<std::optional<std::vector<int64_t>>> NextStored() {
    return std::optional<std::vector<int64_t>>();
  }
  virtual Result<std::vector<int64_t>> ListSegments() = 0;
};

}  // namespace hodei::store
