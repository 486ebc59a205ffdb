#include "store/object/indexed_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/encoding.h"
#include "store/object/live_upload.h"
#include "store/object/names.h"
#include "store/object/preconditions.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr size_t kCustomMetadataLimit = 8 * 1024;
constexpr size_t kObjectRowLimit = 64 * 1024;
constexpr size_t kBucketRowLimit = 256 * 1024;
constexpr size_t kReadPieceBytes = 1 << 20;
// A content may move once while it is looked up; more often only by a bug.
constexpr int kOpenAttempts = 5;

Status NoSuchBucket(std::string_view) {
  return NotFound("The specified bucket does not exist.").WithReason("notFound");
}

Status BadPageToken() {
  return InvalidArgument("Invalid value for: Invalid page token.").WithReason("invalidParameter");
}

}  // namespace

google::protobuf::Timestamp ToMilliseconds(WallTime time) {
  google::protobuf::Timestamp out;
  const int64_t millis = time.unix_nanos / 1'000'000;
  out.set_seconds(millis / 1000);
  out.set_nanos(static_cast<int32_t>(millis % 1000 * 1'000'000));
  return out;
}

Status NoSuchObject(std::string_view bucket, std::string_view name) {
  return NotFound(fmt::format("No such object: {}/{}", bucket, name)).WithReason("notFound");
}

Status CheckMetadata(const Object& object) {
  size_t custom = 0;
  for (const auto& [key, value] : object.metadata()) custom += key.size() + value.size();
  if (custom > kCustomMetadataLimit) {
    return InvalidArgument("The total size of custom metadata must not exceed 8 KiB.")
        .WithReason("invalid");
  }
  if (object.ByteSizeLong() > kObjectRowLimit) {
    return InvalidArgument("The object's metadata is too large.").WithReason("invalid");
  }
  return OkStatus();
}

Status CheckExpected(const ExpectedContent& expected, uint64_t size, const std::string& md5,
                     uint32_t crc32c) {
  const auto crc_text = [](uint32_t crc) {
    const char bytes[4] = {static_cast<char>(crc >> 24), static_cast<char>(crc >> 16),
                           static_cast<char>(crc >> 8), static_cast<char>(crc)};
    return Base64Encode(std::string_view(bytes, 4));
  };
  if (expected.size && *expected.size != size) {
    return InvalidArgument(
               fmt::format("Expected {} bytes of content, received {}.", *expected.size, size))
        .WithReason("invalid");
  }
  if (!expected.md5.empty() && expected.md5 != md5) {
    return InvalidArgument(fmt::format("Provided MD5 hash \"{}\" doesn't match calculated MD5 hash "
                                       "\"{}\".",
                                       Base64Encode(expected.md5), Base64Encode(md5)))
        .WithReason("invalid");
  }
  if (expected.crc32c && *expected.crc32c != crc32c) {
    return InvalidArgument(fmt::format("Provided CRC32C \"{}\" doesn't match calculated CRC32C "
                                       "\"{}\".",
                                       crc_text(*expected.crc32c), crc_text(crc32c)))
        .WithReason("invalid");
  }
  return OkStatus();
}

void Slice(uint64_t offset, uint64_t length, OpenedObject* opened) {
  if (auto* held = std::get_if<std::string>(&opened->content)) {
    *held = held->substr(offset, length);
    return;
  }
  FileSlice& slice = std::get<FileSlice>(opened->content);
  slice.offset += offset;
  slice.length = length;
}

IndexedStore::IndexedStore(Parts parts)
    : parts_(std::move(parts)),
      contents_(*parts_.contents),
      database_(*parts_.database),
      clock_(*parts_.clock),
      ids_(parts_.next_content_id) {}

// Uploads end before the index and the contents they use.
IndexedStore::~IndexedStore() {
  uploads_.clear();
  parts_.database.reset();
}

Status IndexedStore::Change(const std::function<Status(Index&, Freed*)>& change) {
  Freed freed;
  RETURN_IF_ERROR(database_.Write([&](Index& index) {
    freed = {};
    return change(index, &freed);
  }));
  Remove(freed);
  return OkStatus();
}

void IndexedStore::Remove(const Freed& freed) {
  for (const ContentRow& row : freed.contents) {
    if (row.segment == 0) {
      contents_.RemoveFile(row.id);
    } else {
      contents_.ReleaseSmall(row);
    }
  }
  for (const int64_t segment : freed.segments) contents_.RemoveSegment(segment);
}

Result<BucketRow> IndexedStore::FindBucket(Index& index, std::string_view name) const {
  ASSIGN_OR_RETURN(std::optional<BucketRow> row, index.FindBucket(name));
  if (!row) return NoSuchBucket(name);
  return *std::move(row);
}

Result<ObjectRow> IndexedStore::FindObject(Index& index, const BucketRow& bucket,
                                           std::string_view name,
                                           std::optional<int64_t> generation) const {
  ASSIGN_OR_RETURN(std::optional<ObjectRow> live, index.FindLive(bucket, name));
  if (live && (!generation || live->object.generation() == *generation)) return *std::move(live);
  if (generation) {
    ASSIGN_OR_RETURN(std::optional<ObjectRow> old, index.FindNoncurrent(bucket, name, *generation));
    if (old) return *std::move(old);
  }
  return NoSuchObject(bucket.bucket.name(), name);
}

Result<Bucket> IndexedStore::CreateBucket(const Bucket& bucket) {
  RETURN_IF_ERROR(CheckBucketName(bucket.name()));
  if (bucket.ByteSizeLong() > kBucketRowLimit) {
    return InvalidArgument("The bucket's metadata is too large.").WithReason("invalid");
  }
  BucketRow row{0, bucket};
  if (row.bucket.location().empty()) row.bucket.set_location("US");
  if (row.bucket.storage_class().empty()) row.bucket.set_storage_class("STANDARD");
  row.bucket.set_metageneration(1);
  const WallTime now = clock_.Now();
  *row.bucket.mutable_time_created() = ToMilliseconds(now);
  *row.bucket.mutable_updated() = row.bucket.time_created();
  RETURN_IF_ERROR(Change([&](Index& index, Freed*) -> Status {
    ASSIGN_OR_RETURN(const std::optional<BucketRow> there, index.FindBucket(bucket.name()));
    if (there) {
      return AlreadyExists(
                 "Your previous request to create the named bucket succeeded and you already own "
                 "it.")
          .WithReason("conflict");
    }
    ASSIGN_OR_RETURN(const int64_t generation, index.NextGeneration(now.unix_nanos / 1000));
    row.bucket.set_generation(generation);
    return index.PutBucket(row);
  }));
  return row.bucket;
}

Result<Bucket> IndexedStore::GetBucket(std::string_view name) {
  Bucket out;
  RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(BucketRow row, FindBucket(index, name));
    out = std::move(row.bucket);
    return OkStatus();
  }));
  return out;
}

Result<ListBucketsPage> IndexedStore::ListBuckets(const ListBucketsOptions& options) {
  std::string from = options.prefix;
  if (!options.page_token.empty()) {
    const Result<std::string> after = Base64Decode(options.page_token);
    if (!after.ok() || !after->starts_with("b:")) return BadPageToken();
    from = std::max(from, after->substr(2) + '\0');
  }
  const size_t limit = std::clamp<size_t>(options.limit, 1, 1000);
  ListBucketsPage page;
  RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(std::vector<BucketRow> rows,
                     index.ScanBuckets(options.project_id, from, limit + 1));
    for (BucketRow& row : rows) {
      if (!row.bucket.name().starts_with(options.prefix)) break;
      if (page.buckets.size() == limit) {
        page.next_page_token = Base64UrlEncode("b:" + page.buckets.back().name());
        break;
      }
      page.buckets.push_back(std::move(row.bucket));
    }
    return OkStatus();
  }));
  return page;
}

Result<Bucket> IndexedStore::UpdateBucket(std::string_view name, const Preconditions& preconditions,
                                          const std::function<Status(Bucket*)>& edit) {
  Bucket out;
  RETURN_IF_ERROR(Change([&](Index& index, Freed*) -> Status {
    ASSIGN_OR_RETURN(BucketRow row, FindBucket(index, name));
    RETURN_IF_ERROR(CheckPreconditions(preconditions, row.bucket, AccessKind::kWrite));
    Bucket edited = row.bucket;
    RETURN_IF_ERROR(edit(&edited));
    edited.set_name(row.bucket.name());
    edited.set_project_id(row.bucket.project_id());
    edited.set_project_number(row.bucket.project_number());
    edited.set_generation(row.bucket.generation());
    edited.set_metageneration(row.bucket.metageneration() + 1);
    *edited.mutable_time_created() = row.bucket.time_created();
    *edited.mutable_updated() = ToMilliseconds(clock_.Now());
    if (edited.ByteSizeLong() > kBucketRowLimit) {
      return InvalidArgument("The bucket's metadata is too large.").WithReason("invalid");
    }
    row.bucket = edited;
    out = std::move(edited);
    return index.PutBucket(row);
  }));
  return out;
}

Status IndexedStore::DeleteBucket(std::string_view name, const Preconditions& preconditions) {
  return Change([&](Index& index, Freed*) -> Status {
    ASSIGN_OR_RETURN(const BucketRow row, FindBucket(index, name));
    RETURN_IF_ERROR(CheckPreconditions(preconditions, row.bucket, AccessKind::kWrite));
    ASSIGN_OR_RETURN(const bool full, index.BucketHasObjects(row.id));
    if (full) {
      return Aborted("The bucket you tried to delete is not empty.").WithReason("conflict");
    }
    return index.RemoveBucket(row.id);
  });
}

Result<Object> IndexedStore::GetObject(std::string_view bucket, std::string_view name,
                                       std::optional<int64_t> generation,
                                       const Preconditions& preconditions) {
  Object out;
  RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
    ASSIGN_OR_RETURN(ObjectRow row, FindObject(index, owner, name, generation));
    RETURN_IF_ERROR(CheckPreconditions(preconditions, &row.object, AccessKind::kRead));
    out = std::move(row.object);
    return OkStatus();
  }));
  return out;
}

Result<OpenedObject> IndexedStore::TryOpen(std::string_view bucket, std::string_view name,
                                           std::optional<int64_t> generation,
                                           const Preconditions& preconditions, ContentRow* row) {
  OpenedObject opened;
  RETURN_IF_ERROR(database_.Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
    ASSIGN_OR_RETURN(ObjectRow object, FindObject(index, owner, name, generation));
    RETURN_IF_ERROR(CheckPreconditions(preconditions, &object.object, AccessKind::kRead));
    ASSIGN_OR_RETURN(const std::optional<ContentRow> content, index.FindContent(object.content_id));
    if (!content) {
      return DataLoss(fmt::format("content {} of '{}' has no row", object.content_id, name));
    }
    *row = *content;
    opened.object = std::move(object.object);
    return OkStatus();
  }));
  return opened;
}

Result<OpenedObject> IndexedStore::OpenObject(std::string_view bucket, std::string_view name,
                                              std::optional<int64_t> generation,
                                              const Preconditions& preconditions) {
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    ContentRow row;
    ASSIGN_OR_RETURN(OpenedObject opened, TryOpen(bucket, name, generation, preconditions, &row));
    if (row.segment != 0) {
      Result<std::string> bytes = contents_.ReadSmall(row);
      if (bytes.status().code() == Code::kNotFound) continue;
      RETURN_IF_ERROR(bytes.status());
      if (Crc32c(0, *bytes) != row.crc32c) {
        return DataLoss(
            fmt::format("the stored bytes of '{}/{}' fail their checksum", bucket, name));
      }
      opened.content = *std::move(bytes);
      return opened;
    }
    Result<UniqueFd> fd = contents_.OpenLarge(row);
    if (fd.status().code() == Code::kNotFound) continue;
    RETURN_IF_ERROR(fd.status());
    struct stat facts {};
    if (fstat(fd->get(), &facts) != 0) return ErrnoStatus(errno, "stat content");
    if (static_cast<uint64_t>(facts.st_size) != row.size_bytes) {
      return DataLoss(fmt::format("the stored bytes of '{}/{}' are incomplete", bucket, name));
    }
    opened.content = FileSlice{*std::move(fd), 0, row.size_bytes};
    return opened;
  }
  return DataLoss(fmt::format("the stored bytes of '{}/{}' are missing", bucket, name));
}

Status IndexedStore::ReadContent(const ContentRow& row,
                                 const std::function<Status(std::string_view)>& sink) {
  uint32_t crc = 0;
  if (row.segment != 0) {
    ASSIGN_OR_RETURN(const std::string bytes, contents_.ReadSmall(row));
    if (Crc32c(0, bytes) != row.crc32c) return DataLoss("checksum mismatch");
    return sink(bytes);
  }
  ASSIGN_OR_RETURN(const UniqueFd fd, contents_.OpenLarge(row));
  std::string buffer(std::min<uint64_t>(kReadPieceBytes, std::max<uint64_t>(row.size_bytes, 1)), 0);
  uint64_t offset = 0;
  while (offset < row.size_bytes) {
    const size_t want = std::min<uint64_t>(buffer.size(), row.size_bytes - offset);
    const ssize_t n = pread(fd.get(), buffer.data(), want, static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read content");
    if (n == 0) return DataLoss("content is cut short");
    const std::string_view piece(buffer.data(), static_cast<size_t>(n));
    crc = Crc32c(crc, piece);
    RETURN_IF_ERROR(sink(piece));
    offset += piece.size();
  }
  return crc == row.crc32c ? OkStatus() : DataLoss("checksum mismatch");
}

Status IndexedStore::CopyToFile(std::string_view bucket, std::string_view name,
                                std::optional<int64_t> generation, const std::string& host_path) {
  ASSIGN_OR_RETURN(const UniqueFd out, OpenFile(host_path, O_WRONLY | O_CREAT | O_EXCL));
  Status status;
  for (int attempt = 0; attempt < kOpenAttempts; ++attempt) {
    ContentRow row;
    const Result<OpenedObject> found = TryOpen(bucket, name, generation, {}, &row);
    status = found.status();
    if (!status.ok()) break;
    status = ReadContent(row, [&](std::string_view piece) { return WriteAll(out.get(), piece); });
    if (status.code() != Code::kNotFound) break;
  }
  if (status.ok()) return status;
  unlink(host_path.c_str());
  return Annotate(status, fmt::format("copy 'gs://{}/{}'", bucket, name));
}

}  // namespace hodei::store
