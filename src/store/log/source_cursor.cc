#include "store/log/source_cursor.h"

#include <algorithm>

#include "store/log/log_entry.h"

namespace hodei::store {

OpenSource::OpenSource(LogSource s)
    : source(std::move(s)), short_name(SourceShortName(source.source_id)), reader(source.dir) {}

SourceCursor::SourceCursor(std::shared_ptr<OpenSource> source, WallTime from, WallTime to,
                           bool newest_first)
    : source_(std::move(source)), from_(from), to_(to), newest_first_(newest_first) {}

Result<bool> SourceCursor::Start() {
  ASSIGN_OR_RETURN(blocks_, source_->reader.Blocks());
  std::erase_if(blocks_, [&](const LogBlock& block) {
    return block.last_time < from_ || block.first_time > to_;
  });
  if (newest_first_) std::reverse(blocks_.begin(), blocks_.end());
  return LoadBlock();
}

Result<bool> SourceCursor::LoadBlock() {
  while (next_block_ < blocks_.size()) {
    ASSIGN_OR_RETURN(lines_, source_->reader.ReadBlock(blocks_[next_block_++]));
    std::erase_if(lines_, [&](const LogLine& line) { return !InRange(line); });
    if (newest_first_) std::reverse(lines_.begin(), lines_.end());
    line_ = 0;
    if (!lines_.empty()) return true;
  }
  return false;
}

Result<bool> SourceCursor::Next() {
  if (++line_ < lines_.size()) return true;
  return LoadBlock();
}

}  // namespace hodei::store
