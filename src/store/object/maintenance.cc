// Recovery at start, sweeping while running, and fsck.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "store/object/indexed_store.h"
#include "store/object/live_upload.h"

namespace hodei::store {
namespace {

constexpr size_t kAllUploads = SIZE_MAX;
constexpr size_t kProblemLimit = 1000;

void AddProblem(FsckReport* report, std::string problem) {
  if (report->problems.size() < kProblemLimit) report->problems.push_back(std::move(problem));
}

}  // namespace

Status IndexedStore::Recover() {
  // One file more or less at a time: no list of all rows is held, only of files, which are large.
  ASSIGN_OR_RETURN(const std::vector<int64_t> files, contents_.ListFiles());
  ASSIGN_OR_RETURN(const std::vector<int64_t> segments, contents_.ListSegments());
  std::vector<int64_t> orphans;
  std::vector<int64_t> dead_segments;
  RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const std::vector<UploadRow> uploads,
                     index.UploadsBefore(INT64_MAX, kAllUploads));
    std::set<int64_t> uploading;
    for (const UploadRow& row : uploads) {
      if (row.state == UploadRow::State::kOpen) uploading.insert(row.content_id);
    }
    for (const int64_t id : files) {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> row, index.FindContent(id));
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

Result<bool> IndexedStore::Sweep() {
  const int64_t before =
      clock_.Now().unix_nanos / 1'000'000'000 - std::chrono::seconds(kUploadLifetime).count();
  constexpr size_t kBatch = 1000;
  while (true) {
    std::vector<UploadRow> expired;
    RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(expired, index.UploadsBefore(before + 1, kBatch));
      return OkStatus();
    }));
    if (expired.empty()) break;
    for (const UploadRow& row : expired) RETURN_IF_ERROR(DropUpload(row.key));
  }
  // Segments that became empty while they were the open one.
  ASSIGN_OR_RETURN(const std::vector<int64_t> segments, contents_.ListSegments());
  RETURN_IF_ERROR(Change([&](Index& index, Freed* freed) -> Status {
    for (const int64_t segment : segments) {
      if (segment >= contents_.open_segment() && contents_.open_segment() != 0) continue;
      ASSIGN_OR_RETURN(const std::vector<ContentRow> rows, index.ContentsOfSegment(segment, 1));
      if (rows.empty()) freed->segments.push_back(segment);
    }
    return OkStatus();
  }));
  return false;
}

Status IndexedStore::CheckContents(FsckReport* report) {
  std::vector<ContentRow> rows;
  std::map<int64_t, int64_t> references;
  std::set<int64_t> uploading;
  RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
    RETURN_IF_ERROR(index.ScanContents(0, [&](const ContentRow& row) {
      rows.push_back(row);
      return true;
    }));
    RETURN_IF_ERROR(index.ScanReferences([&](int64_t content, int64_t count) {
      references[content] = count;
      report->objects += static_cast<uint64_t>(count);
      return true;
    }));
    ASSIGN_OR_RETURN(const std::vector<UploadRow> uploads,
                     index.UploadsBefore(INT64_MAX, kAllUploads));
    for (const UploadRow& row : uploads) uploading.insert(row.content_id);
    return OkStatus();
  }));
  const Result<std::vector<int64_t>> files = contents_.ListFiles();
  RETURN_IF_ERROR(files.status());
  std::set<int64_t> known;
  for (const ContentRow& row : rows) {
    ++report->contents;
    report->bytes += row.size_bytes;
    if (row.segment == 0) known.insert(row.id);
    const int64_t counted = references[row.id];
    references.erase(row.id);
    if (counted != row.references) {
      AddProblem(report, fmt::format("content {} counts {} references, {} objects refer to it",
                                     row.id, row.references, counted));
    }
    const Status bytes = ReadContent(row, [](std::string_view) { return OkStatus(); });
    if (bytes.ok()) continue;
    // Gone since the snapshot is not a fault.
    bool still_there = false;
    RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> now, index.FindContent(row.id));
      still_there = now && now->segment == row.segment && now->offset == row.offset;
      return OkStatus();
    }));
    if (still_there) {
      AddProblem(report, fmt::format("content {}: {}", row.id, bytes.message()));
    }
  }
  for (const auto& [content, count] : references) {
    if (count > 0) AddProblem(report, fmt::format("{} objects miss content {}", count, content));
  }
  for (const int64_t id : *files) {
    if (known.contains(id) || uploading.contains(id) || ids_.InProgress(id)) continue;
    bool referred = false;  // since the snapshot
    RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
      ASSIGN_OR_RETURN(const std::optional<ContentRow> now, index.FindContent(id));
      referred = now.has_value();
      return OkStatus();
    }));
    const Result<std::vector<int64_t>> again = contents_.ListFiles();
    const bool exists = again.ok() && std::binary_search(again->begin(), again->end(), id);
    if (!referred && exists) AddProblem(report, fmt::format("content file {} is an orphan", id));
  }
  return OkStatus();
}

Result<FsckReport> IndexedStore::Fsck() {
  FsckReport report;
  RETURN_IF_ERROR(CheckContents(&report));
  return report;
}

}  // namespace hodei::store
