// Contents in a folder:
//   content/HH/ID     a large content, ID in 16 hex digits, HH its last two
//   segments/ID       small contents, one after another
// All names come from our own numbers.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/object/content_store.h"

namespace hodei::store {

// Below the store's folder, with a leading slash.
std::string ContentFileName(int64_t id);
std::string SegmentFileName(int64_t segment);
// The id of which `name` is the last part of ContentFileName(), or -1.
int64_t ParseContentName(std::string_view name);
// Ids of all content files below the store's folder, sorted.
Result<std::vector<int64_t>> ListContentFiles(const std::string& directory);
// Segments kept open for reading; all are closed when one more is opened.
inline constexpr size_t kOpenSegmentsMax = 64;
// Who has an exclusive lock on this file keeps the store from removing contents.
inline constexpr const char* kRemovalLockName = "/removal.lock";

// `next_segment` is greater than every segment the index knows.
Result<std::unique_ptr<ContentStore>> OpenFileContents(const std::string& directory,
                                                       uint64_t segment_bytes,
                                                       int64_t next_segment);

}  // namespace hodei::store
