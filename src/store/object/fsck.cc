// Fsck: do index and disk agree? A snapshot of the rows is compared with every content's bytes,
// while the store goes on; what differs is looked up again before it is called a problem.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "store/object/content_digest.h"
#include "store/object/indexed_store.h"

namespace hodei::store {
namespace {

constexpr size_t kAllUploads = INT64_MAX;
constexpr size_t kProblemLimit = 1000;

void AddProblem(FsckReport* report, std::string problem) {
  if (report->problems.size() < kProblemLimit) report->problems.push_back(std::move(problem));
}

}  // namespace

// Everything the check starts from, of one moment.
struct IndexedStore::FsckSnapshot {
  std::vector<ContentRow> contents;
  std::map<int64_t, int64_t> references;
  std::vector<Index::SegmentRow> segments;
  std::vector<UploadRow> uploads;
};

Status IndexedStore::TakeFsckSnapshot(FsckSnapshot* snapshot, FsckReport* report) {
  return database_->Read([&](Index& index) -> Status {
    RETURN_IF_ERROR(index.ScanContents(0, [&](const ContentRow& row) {
      snapshot->contents.push_back(row);
      return true;
    }));
    RETURN_IF_ERROR(index.ScanReferences([&](int64_t content, int64_t count) {
      snapshot->references[content] = count;
      report->references += static_cast<uint64_t>(count);
      return true;
    }));
    ASSIGN_OR_RETURN(snapshot->segments, index.ListSegments());
    ASSIGN_OR_RETURN(snapshot->uploads, index.UploadsBefore(INT64_MAX, kAllUploads));
    ASSIGN_OR_RETURN(const Index::ReferenceCounts counts, index.CountReferences());
    report->objects = counts.objects;
    report->held = counts.holds;
    report->parts = counts.parts;
    return OkStatus();
  });
}

// Size, CRC and digest of the bytes where the row says they are.
Status IndexedStore::CheckContent(const ContentRow& row) {
  ContentDigest digest(tools_.digest_key);
  const bool check_digest = !row.digest.empty();
  if (row.segment == 0) contents_.DropCopy(row.id);
  RETURN_IF_ERROR(ReadContent(row, [&](std::string_view piece) {
    if (check_digest) digest.Update(piece);
    return OkStatus();
  }));
  if (check_digest && digest.Final() != row.digest) return DataLoss("digest mismatch");
  return OkStatus();
}

Status IndexedStore::CheckContents(FsckSnapshot* snapshot, const ByteProgress& progress,
                                   FsckReport* report) {
  uint64_t total = 0;
  for (const ContentRow& row : snapshot->contents) total += row.size_bytes;
  for (const ContentRow& row : snapshot->contents) {
    ++report->contents;
    report->bytes += row.size_bytes;
    const int64_t counted = snapshot->references[row.id];
    snapshot->references.erase(row.id);
    if (counted != row.references) {
      AddProblem(report, fmt::format("content {} counts {} references, {} refer to it", row.id,
                                     row.references, counted));
    }
    const Status bytes = CheckContent(row);
    if (progress) progress(report->bytes, total);
    if (bytes.ok()) continue;
    // Gone or moved since the snapshot is not a fault.
    bool still_there = false;
    RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> now, index.FindContent(row.id));
      still_there = now && now->segment == row.segment && now->offset == row.offset;
      return OkStatus();
    }));
    if (still_there) {
      AddProblem(report, fmt::format("content {}: {}", row.id, bytes.message()));
    }
  }
  for (const auto& [content, count] : snapshot->references) {
    AddProblem(report, fmt::format("content {}, which {} refer to, has no row", content, count));
  }
  return OkStatus();
}

Status IndexedStore::CheckSegments(const FsckSnapshot& snapshot, FsckReport* report) {
  std::map<int64_t, uint64_t> live;
  for (const ContentRow& row : snapshot.contents) {
    if (row.segment != 0) live[row.segment] += row.size_bytes;
  }
  for (const Index::SegmentRow& row : snapshot.segments) {
    ++report->segments;
    const uint64_t counted = live[row.segment];
    live.erase(row.segment);
    if (counted != row.live_bytes) {
      AddProblem(report, fmt::format("segment {} counts {} live bytes, its contents have {}",
                                     row.segment, row.live_bytes, counted));
    }
  }
  for (const auto& [segment, bytes] : live) {
    if (contents_.counts_segments()) {
      AddProblem(report, fmt::format("segment {} with {} bytes has no row", segment, bytes));
    }
  }
  return OkStatus();
}

// The durable part of an unfinished upload is what its row says it is.
Status IndexedStore::CheckUploads(const FsckSnapshot& snapshot, FsckReport* report) {
  for (const UploadRow& row : snapshot.uploads) {
    if (row.state != UploadRow::State::kOpen) continue;
    ++report->uploads;
    if (row.stored_bytes == 0) continue;
    const ContentRow content{row.content_id, row.stored_bytes, row.stored_crc32c, 0, 0, 0, ""};
    const Status bytes = ReadContent(content, [](std::string_view) { return OkStatus(); });
    if (bytes.ok()) continue;
    bool still_open = false;
    RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(const std::optional<UploadRow> now, index.FindUpload(row.key));
      still_open = now && now->state == UploadRow::State::kOpen;
      return OkStatus();
    }));
    if (still_open) {
      AddProblem(report,
                 fmt::format("the upload in content {}: {}", row.content_id, bytes.message()));
    }
  }
  return OkStatus();
}

Status IndexedStore::CheckOrphans(const FsckSnapshot& snapshot, const std::vector<int64_t>& files,
                                  FsckReport* report) {
  std::set<int64_t> known;
  for (const ContentRow& row : snapshot.contents) {
    if (row.segment == 0) known.insert(row.id);
  }
  for (const UploadRow& row : snapshot.uploads) known.insert(row.content_id);
  std::vector<int64_t> orphans;
  for (const int64_t id : files) {
    if (known.contains(id) || ids_.InProgress(id)) continue;
    bool referred = false;  // since the snapshot
    RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> now, index.FindContent(id));
      referred = now.has_value();
      return OkStatus();
    }));
    if (!referred) orphans.push_back(id);
  }
  if (orphans.empty()) return OkStatus();
  ASSIGN_OR_RETURN(const std::vector<int64_t> again, contents_.ListFiles());
  for (const int64_t id : orphans) {
    if (!std::binary_search(again.begin(), again.end(), id)) continue;
    AddProblem(report, fmt::format("content file {} is an orphan", id));
  }
  return OkStatus();
}

Result<FsckReport> IndexedStore::Fsck(const ByteProgress& progress) {
  FsckReport report;
  FsckSnapshot snapshot;
  RETURN_IF_ERROR(TakeFsckSnapshot(&snapshot, &report));
  ASSIGN_OR_RETURN(const std::vector<int64_t> files, contents_.ListFiles());
  RETURN_IF_ERROR(CheckContents(&snapshot, progress, &report));
  RETURN_IF_ERROR(CheckSegments(snapshot, &report));
  RETURN_IF_ERROR(CheckUploads(snapshot, &report));
  if (parts_.check_orphans) RETURN_IF_ERROR(CheckOrphans(snapshot, files, &report));
  return report;
}

}  // namespace hodei::store
