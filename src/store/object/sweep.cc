// Housekeeping while running: what has expired goes, and sparse segments give their disk back.
#include <algorithm>
#include <set>

#include "base/digest.h"
#include "store/object/indexed_store.h"
#include "store/object/live_upload.h"

namespace hodei::store {
namespace {

// A piece of work between two chances to stop; the index writer serves others in between.
constexpr size_t kUploadBatch = 200;
constexpr size_t kMultipartBatch = 20;  // each may have 10,000 parts
constexpr size_t kSoftDeletedBatch = 500;
constexpr size_t kMoveRows = 500;
constexpr uint64_t kMoveBytes = 4 << 20;
// A closed segment is sparse when less than half of it lives.
constexpr uint64_t kSparseDivisor = 2;
// Segments that never grew, as restarts leave them, are put together when there are this many.
constexpr size_t kStuntedSegments = 8;
constexpr uint64_t kStuntedDivisor = 8;

}  // namespace

Result<bool> IndexedStore::Sweep() {
  ASSIGN_OR_RETURN(const bool uploads, SweepUploads());
  ASSIGN_OR_RETURN(const bool multiparts, SweepMultiparts());
  ASSIGN_OR_RETURN(const bool soft_deleted, SweepSoftDeleted());
  contents_.FinishRemovals();
  RETURN_IF_ERROR(SweepSegments());
  ASSIGN_OR_RETURN(const bool compacting, Compact());
  ASSIGN_OR_RETURN(const bool unowned, SweepUnowned());
  return uploads || multiparts || soft_deleted || unowned || compacting;
}

int64_t IndexedStore::UploadsExpireBefore() const {
  return clock_.Now().unix_nanos / 1'000'000'000 - std::chrono::seconds(kUploadLifetime).count() +
         1;
}

Result<bool> IndexedStore::SweepUploads() {
  std::vector<UploadRow> expired;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(expired, index.UploadsBefore(UploadsExpireBefore(), kUploadBatch));
    return OkStatus();
  }));
  for (const UploadRow& row : expired) RETURN_IF_ERROR(DropUpload(row.key));
  return expired.size() == kUploadBatch;
}

Result<bool> IndexedStore::SweepMultiparts() {
  std::vector<MultipartRow> expired;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(expired, index.MultipartsBefore(UploadsExpireBefore(), kMultipartBatch));
    return OkStatus();
  }));
  for (const MultipartRow& row : expired) {
    RETURN_IF_ERROR(Change(
        [&](Index& index, Freed* freed) -> Status {
          RETURN_IF_ERROR(RemoveParts(index, row.id, freed));
          return index.RemoveMultipart(row);
        },
        WriteKind::kFrees));
  }
  return expired.size() == kMultipartBatch;
}

Result<bool> IndexedStore::SweepSoftDeleted() {
  const int64_t now = clock_.Now().unix_nanos / 1'000'000'000;
  const auto due_now = [&](Index& index) { return index.SoftDeletedDue(now, kSoftDeletedBatch); };
  size_t found = 0;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const std::vector<Index::DueRow> due, due_now(index));
    found = due.size();
    return OkStatus();
  }));
  if (found == 0) return false;
  RETURN_IF_ERROR(Change(
      [&](Index& index, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const std::vector<Index::DueRow> due, due_now(index));
        for (const Index::DueRow& row : due) {
          RETURN_IF_ERROR(index.RemoveObject(row.bucket_id, row.row));
          RETURN_IF_ERROR(Unreference(index, row.row.content_id, freed));
        }
        return OkStatus();
      },
      WriteKind::kFrees));
  return found == kSoftDeletedBatch;
}

// What a crash has left where contents are too many to be listed at start. Nobody can come to refer
// to an id that was given out by an earlier process, but an upload that it began.
Result<bool> IndexedStore::SweepUnowned() {
  ASSIGN_OR_RETURN(const std::optional<std::vector<int64_t>> ids, contents_.NextStored());
  if (!ids) return false;
  std::vector<int64_t> unowned;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const std::vector<UploadRow> uploads,
                     index.UploadsBefore(INT64_MAX, INT64_MAX));
    std::set<int64_t> uploading;
    for (const UploadRow& row : uploads) uploading.insert(row.content_id);
    for (const int64_t id : *ids) {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> row, index.FindContent(id));
      if (!row && !uploading.contains(id)) unowned.push_back(id);
    }
    return OkStatus();
  }));
  for (const int64_t id : unowned) contents_.RemoveFile(id);
  return true;
}

// Segments that became empty while they were the open one.
Status IndexedStore::SweepSegments() {
  ASSIGN_OR_RETURN(const std::vector<int64_t> segments, contents_.ListSegments());
  std::vector<int64_t> empty;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    for (const int64_t segment : segments) {
      ASSIGN_OR_RETURN(const std::vector<ContentRow> rows, index.ContentsOfSegment(segment, 1));
      if (rows.empty()) empty.push_back(segment);
    }
    return OkStatus();
  }));
  if (empty.empty()) return OkStatus();
  return Change(
      [&](Index& index, Freed* freed) -> Status {
        const int64_t open = contents_.open_segment();
        for (const int64_t segment : empty) {
          // A segment above the open one has been opened since the listing.
          if (open != 0 && segment >= open) continue;
          RETURN_IF_ERROR(FreeIfEmpty(index, segment, freed));
        }
        return OkStatus();
      },
      WriteKind::kFrees);
}

Result<std::optional<int64_t>> IndexedStore::FindSparseSegment() {
  std::vector<Index::SegmentRow> segments;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(segments, index.ListSegments());
    return OkStatus();
  }));
  std::optional<int64_t> stunted;
  size_t stunted_count = 0;
  for (const Index::SegmentRow& row : segments) {
    const Result<uint64_t> bytes = contents_.SegmentBytes(row.segment);
    if (bytes.status().code() == Code::kNotFound) continue;  // gone just now
    RETURN_IF_ERROR(bytes.status());
    if (row.live_bytes < *bytes / kSparseDivisor) return std::optional(row.segment);
    if (*bytes < parts_.segment_bytes / kStuntedDivisor) {
      ++stunted_count;
      if (!stunted) stunted = row.segment;
    }
  }
  return stunted_count >= kStuntedSegments ? stunted : std::nullopt;
}

// Moves some contents of the sparsest segment to the open one. A reader that has looked up the old
// place reads there as long as the segment is, and looks again when it is gone.
Result<bool> IndexedStore::Compact() {
  ASSIGN_OR_RETURN(const std::optional<int64_t> segment, FindSparseSegment());
  if (!segment) return false;
  std::vector<ContentRow> rows;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(rows, index.ContentsOfSegment(*segment, kMoveRows));
    return OkStatus();
  }));
  std::vector<std::pair<ContentRow, std::string>> moving;
  uint64_t bytes_read = 0;
  bool rotten = false;
  for (const ContentRow& row : rows) {
    if (bytes_read >= kMoveBytes) break;
    Result<std::string> bytes = contents_.ReadSmall(row);
    if (!bytes.ok() || Crc32c(0, *bytes) != row.crc32c) {
      rotten = true;  // it stays where it is, for fsck to find
      continue;
    }
    bytes_read += bytes->size();
    moving.emplace_back(row, *std::move(bytes));
  }
  if (moving.empty()) return false;
  bool open = false;
  RETURN_IF_ERROR(Change([&](Index& index, Freed* freed) -> Status {
    open = *segment == contents_.open_segment();
    if (open) return OkStatus();
    for (const auto& [row, bytes] : moving) RETURN_IF_ERROR(MoveSmall(index, row, bytes));
    return FreeIfEmpty(index, *segment, freed);
  }));
  return !open && !rotten;
}

Status IndexedStore::MoveSmall(Index& index, const ContentRow& from, const std::string& bytes) {
  ASSIGN_OR_RETURN(std::optional<ContentRow> now, index.FindContent(from.id));
  if (!now || now->segment != from.segment || now->offset != from.offset) return OkStatus();
  RETURN_IF_ERROR(index.AddLiveBytes(from.segment, -static_cast<int64_t>(bytes.size())));
  RETURN_IF_ERROR(StoreSmall(index, contents_, bytes, &*now));
  return index.PutContent(*now);
}

}  // namespace hodei::store
