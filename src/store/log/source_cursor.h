// Walks one source's lines in either direction, a block in memory at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "store/log/log_store.h"
#include "store/log/source_reader.h"

namespace hodei::store {

// One source as the store keeps it.
struct OpenSource {
  explicit OpenSource(LogSource s);
  LogSource source;
  std::string short_name;
  SourceReader reader;
};

class SourceCursor {
 public:
  // Lines with from <= time <= to, oldest first or newest first.
  SourceCursor(std::shared_ptr<OpenSource> source, WallTime from, WallTime to, bool newest_first);
  // Positions at the first line. False when there is none.
  Result<bool> Start();
  // Moves on; false at the end.
  Result<bool> Next();
  const LogLine& line() const { return lines_[line_]; }
  const OpenSource& source() const { return *source_; }

 private:
  Result<bool> LoadBlock();
  bool InRange(const LogLine& line) const { return line.time >= from_ && line.time <= to_; }

  std::shared_ptr<OpenSource> source_;
  const WallTime from_;
  const WallTime to_;
  const bool newest_first_;
  std::vector<LogBlock> blocks_;
  size_t next_block_ = 0;  // counts blocks consumed, in walking order
  std::vector<LogLine> lines_;
  size_t line_ = 0;
};

}  // namespace hodei::store
