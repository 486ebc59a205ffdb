// Where content bytes lie: files of their own for large contents, shared append-only segments for
// small ones. Knows ids and places, no names. Two implementations: a directory, and memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/object/index.h"
#include "sys/unique_fd.h"

namespace hodei::store {

struct SegmentPlace {
  int64_t segment = 0;
  uint64_t offset = 0;
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
  virtual Result<UniqueFd> OpenLarge(const ContentRow& row) = 0;
  virtual Result<std::string> ReadSmall(const ContentRow& row) = 0;
  // A small content's bytes when they can be had without waiting for a disk, unchecked.
  virtual std::optional<std::string> ReadSmallNow(const ContentRow&) { return std::nullopt; }

  // Whether small contents lie in segments that grow sparse, which the index then counts.
  virtual bool counts_segments() const = 0;
  // How large the segment is, with what nobody refers to any more.
  virtual Result<uint64_t> SegmentBytes(int64_t segment) = 0;

  // What is there, for recovery and fsck.
  virtual Result<std::vector<int64_t>> ListFiles() = 0;
  virtual Result<std::vector<int64_t>> ListSegments() = 0;
};

}  // namespace hodei::store
