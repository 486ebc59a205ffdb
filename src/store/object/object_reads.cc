// Reads of objects: rows are looked up in a snapshot, then their bytes are opened.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/digest.h"
#include "store/object/indexed_store.h"
#include "store/object/preconditions.h"
#include "store/object/retention.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

// Stays in a core's cache, and many readers at once hold little.
constexpr size_t kReadPieceBytes = 128 * 1024;
// A content may move once while it is looked up; more often only by a bug.
constexpr int kOpenAttempts = 5;
constexpr uint64_t kCheckedBytes = 1ULL << 30;

}  // namespace

void Slice(uint64_t offset, uint64_t length, OpenedBytes* bytes) {
  if (auto* held = std::get_if<std::string>(bytes)) {
    *held = held->substr(offset, length);
    return;
  }
  FileSlice& slice = std::get<FileSlice>(*bytes);
  slice.offset += offset;
  slice.length = length;
}

Result<Object> IndexedStore::GetObject(std::string_view bucket, std::string_view name,
                                       std::optional<int64_t> generation,
                                       const Preconditions& preconditions) {
  if (const auto recent = generation ? nullptr : recent_.FindObject(bucket, name)) {
    RETURN_IF_ERROR(CheckPreconditions(preconditions, recent->object.get(), AccessKind::kRead));
    return *recent->object;
  }
  Object out;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(ObjectRow row, FinderOf(bucket, name, generation, preconditions)(index));
    out = std::move(row.object);
    return OkStatus();
  }));
  return out;
}

IndexedStore::RowFinder IndexedStore::FinderOf(std::string_view bucket, std::string_view name,
                                               std::optional<int64_t> generation,
                                               const Preconditions& preconditions,
                                               BucketRow* found_in) const {
  return [=, this](Index& index) -> Result<ObjectRow> {
    ASSIGN_OR_RETURN(BucketRow owner, FindBucket(index, bucket));
    ASSIGN_OR_RETURN(ObjectRow row, FindObject(index, owner, name, generation));
    RETURN_IF_ERROR(CheckPreconditions(preconditions, &row.object, AccessKind::kRead));
    ApplyRetention(owner.bucket, &row.object);
    if (found_in != nullptr) *found_in = std::move(owner);
    return row;
  };
}

Result<Object> IndexedStore::FindWithContent(const RowFinder& find, ContentRow* content) {
  Object out;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(ObjectRow row, find(index));
    ASSIGN_OR_RETURN(std::optional<ContentRow> found, index.FindContent(row.content_id));
    if (!found) {
      return DataLoss(
          fmt::format("content {} of '{}' has no row", row.content_id, row.object.name()));
    }
    *content = *std::move(found);
    out = std::move(row.object);
    return OkStatus();
  }));
  return out;
}

// A large content is sent by the kernel, which looks at no checksum: its bytes are read and checked
// before, unless that was done, or they were written, a moment ago. From a certain size on this
// would be too long a wait for the first byte; fsck finds what rots there.
Status IndexedStore::CheckBeforeSending(const ContentRow& row) {
  if (row.size_bytes > kCheckedBytes || recently_checked_.Contains(row.id)) return OkStatus();
  RETURN_IF_ERROR(ReadContent(row, [](std::string_view) { return OkStatus(); }));
  recently_checked_.Add(row.id);
  return OkStatus();
}

Result<std::variant<std::string, FileSlice>> IndexedStore::OpenContent(const ContentRow& row) {
  using Content = std::variant<std::string, FileSlice>;
  if (row.segment != 0) {
    ASSIGN_OR_RETURN(std::string bytes, contents_.ReadSmall(row));
    if (Crc32c(0, bytes) != row.crc32c) return DataLoss("they fail their checksum");
    return Content(std::move(bytes));
  }
  ASSIGN_OR_RETURN(LargeContent large, contents_.OpenLarge(row));
  struct stat facts {};
  if (fstat(large.fd.get(), &facts) != 0) return ErrnoStatus(errno, "stat content");
  if (static_cast<uint64_t>(facts.st_size) != row.size_bytes) {
    return DataLoss("they are incomplete");
  }
  // What comes from elsewhere piece by piece was checked on its way, by who keeps it.
  if (large.fetched) recently_checked_.Remove(row.id);
  if (large.filler == nullptr) RETURN_IF_ERROR(CheckBeforeSending(row));
  return Content(FileSlice{std::move(large.fd), 0, row.size_bytes, std::move(large.filler)});
}

Result<OpenedObject> IndexedStore::OpenFound(const RowFinder& find, ContentRow* content) {
  OpenedObject opened;
  Status status;
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    ASSIGN_OR_RETURN(opened.object, FindWithContent(find, content));
    Result<std::variant<std::string, FileSlice>> bytes = OpenContent(*content);
    if (bytes.ok()) {
      opened.content = *std::move(bytes);
      return opened;
    }
    status = bytes.status();
    // A copy that has rotted is made anew, once.
    if (status.code() == Code::kDataLoss && attempt == 0 && contents_.DropCopy(content->id)) {
      continue;
    }
    if (status.code() != Code::kNotFound) break;
  }
  if (status.code() == Code::kNotFound) status = DataLoss("they are missing");
  return Annotate(status, fmt::format("the stored bytes of '{}/{}'", opened.object.bucket(),
                                      opened.object.name()));
}

Result<OpenedObject> IndexedStore::OpenObject(std::string_view bucket, std::string_view name,
                                              std::optional<int64_t> generation,
                                              const Preconditions& preconditions) {
  RecentObject recent;
  BucketRow owner;
  uint64_t epoch = 0;
  bool live = false;
  const RowFinder find = FinderOf(bucket, name, generation, preconditions, &owner);
  const RowFinder note = [&](Index& index) -> Result<ObjectRow> {
    epoch = recent_.epoch();  // before the first query, which is when the snapshot is taken
    ASSIGN_OR_RETURN(ObjectRow row, find(index));
    live = row.live();
    return row;
  };
  ASSIGN_OR_RETURN(OpenedObject opened, OpenFound(note, &recent.content));
  if (live && recent.content.segment != 0) {
    recent.bucket = std::make_shared<const BucketRow>(std::move(owner));
    recent.object = std::make_shared<const Object>(opened.object);
    recent_.KeepObject(epoch, std::move(recent));
  }
  return opened;
}

std::optional<ReadyObject> IndexedStore::FindReady(std::string_view bucket, std::string_view name) {
  const std::shared_ptr<const RecentObject> recent = recent_.FindObject(bucket, name);
  if (recent == nullptr) return std::nullopt;
  std::optional<std::string> bytes = contents_.ReadSmallNow(recent->content);
  if (!bytes || Crc32c(0, *bytes) != recent->content.crc32c) return std::nullopt;
  return ReadyObject{std::shared_ptr<const Bucket>(recent->bucket, &recent->bucket->bucket),
                     recent->object, *std::move(bytes)};
}

Status IndexedStore::ReadContent(const ContentRow& row,
                                 const std::function<Status(std::string_view)>& sink) {
  uint32_t crc = 0;
  if (row.segment != 0) {
    ASSIGN_OR_RETURN(const std::string bytes, contents_.ReadSmall(row));
    if (Crc32c(0, bytes) != row.crc32c) return DataLoss("checksum mismatch");
    return sink(bytes);
  }
  ASSIGN_OR_RETURN(const LargeContent large, contents_.OpenLarge(row));
  std::string buffer(std::min<uint64_t>(kReadPieceBytes, std::max<uint64_t>(row.size_bytes, 1)), 0);
  uint64_t offset = 0;
  while (offset < row.size_bytes) {
    const size_t want = std::min<uint64_t>(buffer.size(), row.size_bytes - offset);
    if (large.filler != nullptr) RETURN_IF_ERROR(large.filler->Fill(offset, want));
    const ssize_t n = pread(large.fd.get(), buffer.data(), want, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read content");
    if (n == 0) return DataLoss("content is cut short");
    const std::string_view piece(buffer.data(), static_cast<size_t>(n));
    crc = Crc32c(crc, piece);
    RETURN_IF_ERROR(sink(piece));
    offset += piece.size();
  }
  if (crc == row.crc32c) return OkStatus();
  recently_checked_.Remove(row.id);
  contents_.DropCopy(row.id);
  return DataLoss("checksum mismatch");
}

Status IndexedStore::CopyFound(const RowFinder& find, const std::string& host_path) {
  ASSIGN_OR_RETURN(const UniqueFd out, OpenFile(host_path, O_WRONLY | O_CREAT | O_EXCL));
  Status status;
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    ContentRow row;
    status = FindWithContent(find, &row).status();
    if (!status.ok()) break;
    status = ReadContent(row, [&](std::string_view piece) { return WriteAll(out.get(), piece); });
    if (status.code() != Code::kNotFound) break;
  }
  if (!status.ok()) unlink(host_path.c_str());
  return status;
}

Status IndexedStore::CopyToFile(std::string_view bucket, std::string_view name,
                                std::optional<int64_t> generation, const std::string& host_path) {
  return Annotate(CopyFound(FinderOf(bucket, name, generation, {}), host_path),
                  fmt::format("copy 'gs://{}/{}'", bucket, name));
}

}  // namespace hodei::store
