// Reads one source's segments: an index of blocks, and the lines of a block.
//
// A block is a run of whole lines of about kLogBlockBytes; the last one grows with the segment.
// Frames of one long line are joined, at most kLogEntryMaxBytes at a time. A damaged frame ends its
// segment; reading goes on with the next (the supervisor starts a new one after a crash).
// Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log_frame.h"
#include "base/status.h"

namespace hodei::store {

inline constexpr size_t kLogBlockBytes = 256 * 1024;

struct LogLine {
  uint64_t seq = 0;  // of its first frame
  uint64_t last_seq = 0;
  WallTime time;
  LogStream stream = LogStream::kStdout;
  uint8_t flags = 0;
  std::string text;
};

struct LogBlock {
  uint64_t first_seq = 0;
  uint64_t last_seq = 0;  // of the last whole line's last frame
  WallTime first_time;
  WallTime last_time;
  size_t segment = 0;
  uint64_t offset = 0;
  uint64_t end = 0;  // just past the last whole line
};

class SourceReader {
 public:
  explicit SourceReader(std::string dir) : dir_(std::move(dir)) {}

  // The blocks there are now, in order.
  Result<std::vector<LogBlock>> Blocks();
  // The lines of `block`, which came from Blocks(); none when its segment was removed since.
  Result<std::vector<LogLine>> ReadBlock(const LogBlock& block);
  // Lines after `seq`, at most `limit` and about `limit_bytes`.
  Result<std::vector<LogLine>> ReadAfter(uint64_t seq, size_t limit, size_t limit_bytes);

 private:
  struct Segment {
    std::string name;
    uint64_t indexed = 0;  // offset up to which blocks_ covers it
    bool damaged = false;
  };
  Status Refresh();
  Status IndexSegment(size_t number);
  void DropBefore(const std::string& name);
  void AddLine(size_t segment, uint64_t offset, uint64_t end, const LogLine& line);

  const std::string dir_;
  std::mutex mutex_;
  std::vector<Segment> segments_;
  size_t dropped_ = 0;  // of the oldest segments: their files are gone
  std::vector<LogBlock> blocks_;
};

}  // namespace hodei::store
