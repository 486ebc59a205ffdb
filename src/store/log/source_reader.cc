#include "store/log/source_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>

#include "store/log/log_store.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr size_t kReadBytes = 1 << 20;

// What visiting a segment found: where the last whole line ended, and whether a frame was damaged.
struct Visited {
  uint64_t end = 0;
  bool damaged = false;
};

// Clients compare timestamps as strings, and the JSON form of a time drops a fraction's trailing
// groups of zeros. An odd nanosecond always prints nine digits; ties are ordered by insertId.
WallTime DisplayTime(WallTime time) { return {time.unix_nanos | 1}; }

// (line, offset of its first frame, offset past its last); false stops.
using LineVisitor = std::function<bool(LogLine& line, uint64_t begin, uint64_t end)>;

// Joins the frames of long lines; hands whole lines to the visitor.
class LineJoiner {
 public:
  explicit LineJoiner(const LineVisitor& visit) : visit_(visit) {}

  bool Take(const LogFrame& frame, uint64_t begin, uint64_t end) {
    if (!open_) {
      line_ = LogLine{frame.seq, frame.seq, DisplayTime(frame.time), frame.stream, frame.flags, {}};
      begin_ = begin;
      open_ = true;
    }
    line_.text.append(frame.text);
    line_.last_seq = frame.seq;
    const bool continues = (frame.flags & LogFrame::kFlagContinues) != 0;
    if (continues && line_.text.size() + kLogFrameMaxText <= kLogEntryMaxBytes) return true;
    open_ = false;
    end_ = end;
    return visit_(line_, begin_, end);
  }

  uint64_t end() const { return end_; }
  void set_end(uint64_t end) { end_ = end; }

 private:
  const LineVisitor& visit_;
  LogLine line_;
  bool open_ = false;
  uint64_t begin_ = 0;
  uint64_t end_ = 0;
};

Result<Visited> VisitSegment(const std::string& path, uint64_t offset, uint64_t limit,
                             const LineVisitor& visit) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_NOFOLLOW));
  offset = std::max<uint64_t>(offset, kLogMagic.size());
  LineJoiner joiner(visit);
  joiner.set_end(offset);
  std::string buffer;
  uint64_t buffer_at = offset;
  for (;;) {
    const uint64_t read_at = buffer_at + buffer.size();
    if (read_at >= limit) return Visited{joiner.end(), false};
    const size_t old = buffer.size();
    buffer.resize(old + std::min<uint64_t>(kReadBytes, limit - read_at));
    const ssize_t n =
        pread(fd.get(), buffer.data() + old, buffer.size() - old, static_cast<off_t>(read_at));
    if (n < 0) return ErrnoStatus(errno, fmt::format("read '{}'", path));
    buffer.resize(old + static_cast<size_t>(n));
    if (n == 0) return Visited{joiner.end(), false};
    std::string_view rest = buffer;
    for (;;) {
      const ParsedLogFrame parsed = ParseLogFrame(rest);
      if (parsed.kind == ParsedLogFrame::Kind::kCorrupt) return Visited{joiner.end(), true};
      if (parsed.kind == ParsedLogFrame::Kind::kIncomplete) break;
      const uint64_t begin = buffer_at + (buffer.size() - rest.size());
      if (!joiner.Take(parsed.frame, begin, begin + parsed.size_bytes)) {
        return Visited{joiner.end(), false};
      }
      rest.remove_prefix(parsed.size_bytes);
    }
    buffer_at += buffer.size() - rest.size();
    buffer.erase(0, buffer.size() - rest.size());
  }
}

bool IsSegmentName(const std::string& name) {
  return name.starts_with("segment-") && name.ends_with(".log");
}

}  // namespace

void SourceReader::AddLine(size_t segment, uint64_t offset, uint64_t end, const LogLine& line) {
  if (blocks_.empty() || blocks_.back().segment != segment ||
      blocks_.back().end - blocks_.back().offset >= kLogBlockBytes) {
    blocks_.push_back({line.seq, line.last_seq, line.time, line.time, segment, offset, end});
    return;
  }
  blocks_.back().last_seq = line.last_seq;
  blocks_.back().last_time = line.time;
  blocks_.back().end = end;
}

Status SourceReader::IndexSegment(size_t number) {
  Segment& segment = segments_[number];
  if (segment.damaged) return OkStatus();
  const std::string path = dir_ + "/" + segment.name;
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) {
    if (errno == ENOENT) return OkStatus();  // removed a moment ago
    return ErrnoStatus(errno, fmt::format("stat '{}'", path));
  }
  if (static_cast<uint64_t>(st.st_size) <= segment.indexed) return OkStatus();
  ASSIGN_OR_RETURN(const Visited visited,
                   VisitSegment(path, segment.indexed, static_cast<uint64_t>(st.st_size),
                                [&](LogLine& line, uint64_t begin, uint64_t end) {
                                  AddLine(number, begin, end, line);
                                  return true;
                                }));
  segment.indexed = visited.end;
  segment.damaged = visited.damaged;
  return OkStatus();
}

// The oldest segments of a service log leave.
void SourceReader::DropBefore(const std::string& name) {
  const size_t dropped = dropped_;
  while (dropped_ < segments_.size() && segments_[dropped_].name < name) ++dropped_;
  if (dropped_ == dropped) return;
  std::erase_if(blocks_, [this](const LogBlock& block) { return block.segment < dropped_; });
}

Status SourceReader::Refresh() {
  Result<std::vector<std::string>> names = ListDirectory(dir_);
  if (names.status().code() == Code::kNotFound) return OkStatus();
  if (!names.ok()) return names.status();
  std::erase_if(*names, [](const std::string& name) { return !IsSegmentName(name); });
  DropBefore(names->empty() ? "" : names->front());
  for (std::string& name : *names) {
    if (!segments_.empty() && name <= segments_.back().name) continue;
    segments_.push_back({std::move(name)});
  }
  // A segment that has a successor with content is finished: start at the last one with content.
  size_t first = segments_.size();
  while (first > 0 && segments_[first - 1].indexed == 0) --first;
  for (size_t i = first == 0 ? 0 : first - 1; i < segments_.size(); ++i) {
    RETURN_IF_ERROR(IndexSegment(i));
  }
  return OkStatus();
}

Result<std::vector<LogBlock>> SourceReader::Blocks() {
  std::lock_guard lock(mutex_);
  RETURN_IF_ERROR(Refresh());
  return blocks_;
}

Result<std::vector<LogLine>> SourceReader::ReadBlock(const LogBlock& block) {
  std::string path;
  {
    std::lock_guard lock(mutex_);
    path = dir_ + "/" + segments_.at(block.segment).name;
  }
  std::vector<LogLine> lines;
  const Status visited =
      VisitSegment(path, block.offset, block.end, [&](LogLine& line, uint64_t, uint64_t) {
        lines.push_back(std::move(line));
        return true;
      }).status();
  // Removed since the block was known: its log ends here.
  if (!visited.ok() && visited.code() != Code::kNotFound) return visited;
  return lines;
}

Result<std::vector<LogLine>> SourceReader::ReadAfter(uint64_t seq, size_t limit,
                                                     size_t limit_bytes) {
  ASSIGN_OR_RETURN(const std::vector<LogBlock> blocks, Blocks());
  auto block = std::partition_point(blocks.begin(), blocks.end(),
                                    [&](const LogBlock& b) { return b.last_seq <= seq; });
  std::vector<LogLine> lines;
  size_t bytes = 0;
  for (; block != blocks.end() && lines.size() < limit && bytes < limit_bytes; ++block) {
    ASSIGN_OR_RETURN(std::vector<LogLine> more, ReadBlock(*block));
    for (LogLine& line : more) {
      if (line.seq <= seq) continue;
      if (lines.size() == limit || bytes >= limit_bytes) break;
      bytes += line.text.size();
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace hodei::store
