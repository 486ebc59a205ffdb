// Contents in memory: large ones in memory files (so that they are sent like real files), small
// ones in a map.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "store/object/content_store.h"

namespace hodei::store {

class MemoryContents : public ContentStore {
 public:
  Result<UniqueFd> CreateFile(int64_t id) override;
  Result<UniqueFd> ReopenFile(int64_t id) override;
  Status SyncFile(int64_t, int) override { return OkStatus(); }
  void RemoveFile(int64_t id) override;
  void FinishRemovals() override {}
  Result<SegmentPlace> AppendSmall(std::string_view bytes) override;
  Status SyncSegments() override { return OkStatus(); }
  void RemoveSegment(int64_t) override {}
  int64_t open_segment() const override { return kSegment; }
  void ReleaseSmall(const ContentRow& row) override;
  Result<LargeContent> OpenLarge(const ContentRow& row) override;
  Result<std::string> ReadSmall(const ContentRow& row) override;
  std::optional<std::string> ReadSmallNow(const ContentRow& row) override;
  bool counts_segments() const override { return false; }
  Result<uint64_t> SegmentBytes(int64_t) override { return NotFound("segment"); }
  Result<std::vector<int64_t>> ListFiles() override;
  Result<std::vector<int64_t>> ListSegments() override { return std::vector<int64_t>{}; }

 private:
  static constexpr int64_t kSegment = 1;
  std::mutex mutex_;
  std::map<int64_t, UniqueFd> files_;                             // guarded by mutex_
  std::map<uint64_t, std::shared_ptr<const std::string>> small_;  // by offset; guarded
  uint64_t next_offset_ = 0;                                      // guarded
};

}  // namespace hodei::store
