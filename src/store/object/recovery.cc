// Recovery at start.
#include <set>

#include "store/object/indexed_store.h"

namespace hodei::store {
namespace {

constexpr size_t kAllUploads = SIZE_MAX;
}  // namespace

Status IndexedStore::Recover() {
  // One file more or less at a time: no list of all rows is held, only of files, which are large.
  ASSIGN_OR_RETURN(const std::vector<int64_t> files, contents_.ListLeftovers());
  ASSIGN_OR_RETURN(const std::vector<int64_t> segments, contents_.ListSegments());
  std::vector<int64_t> orphans;
  std::vector<int64_t> dead_segments;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const std::vector<UploadRow> uploads,
                     index.UploadsBefore(INT64_MAX, kAllUploads));
    std::set<int64_t> uploading;
    for (const UploadRow& row : uploads) {
      if (row.state == UploadRow::State::kOpen) uploading.insert(row.content_id);
    }
    for (const int64_t id : files) {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> row, index.FindContent(id));
      if (row) contents_.KeepFile(id, row->size_bytes);
      if (!row && !uploading.contains(id)) orphans.push_back(id);
    }
    for (const int64_t segment : segments) {
      ASSIGN_OR_RETURN(const std::vector<ContentRow> rows, index.ContentsOfSegment(segment, 1));
      if (rows.empty()) dead_segments.push_back(segment);
    }
    return OkStatus();
  }));
  for (const int64_t id : orphans) contents_.RemoveFile(id);
  for (const int64_t segment : dead_segments) contents_.RemoveSegment(segment);
  return OkStatus();
}

}  // namespace hodei::store
