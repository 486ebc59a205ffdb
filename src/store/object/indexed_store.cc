#include "store/object/indexed_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "store/object/live_upload.h"
#include "store/object/names.h"
#include "store/object/preconditions.h"
#include "store/object/retention.h"

namespace hodei::store {
namespace {

constexpr size_t kBucketRowLimit = 256 * 1024;
constexpr size_t kRecentBytes = 16 << 20;

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

IndexedStore::IndexedStore(Parts parts)
    : parts_(std::move(parts)),
      contents_(*parts_.contents),
      recent_(kRecentBytes),
      database_(TellChanges(std::move(parts_.database), &recent_)),
      clock_(*parts_.clock),
      ids_(parts_.next_content_id),
      tools_{&contents_, &ids_, &md5_threads_, parts_.digest_key, parts_.small_object_bytes},
      recently_checked_(&clock_) {}

// Uploads end before the index and the contents they use.
IndexedStore::~IndexedStore() {
  uploads_.clear();
  database_.reset();
}

Status IndexedStore::Change(const std::function<Status(Index&, Freed*)>& change, WriteKind kind) {
  Freed freed;
  RETURN_IF_ERROR(database_->Write(
      [&](Index& index) {
        freed = {};
        return change(index, &freed);
      },
      kind));
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
  if (const auto recent = recent_.FindBucket(name)) return recent->bucket;
  std::shared_ptr<const BucketRow> found;
  uint64_t epoch = 0;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    epoch = recent_.epoch();
    ASSIGN_OR_RETURN(BucketRow row, FindBucket(index, name));
    found = std::make_shared<const BucketRow>(std::move(row));
    return OkStatus();
  }));
  recent_.KeepBucket(epoch, found);
  return found->bucket;
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
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
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
    RETURN_IF_ERROR(CheckBucketEdit(row.bucket, edited));
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
  return Change(
      [&](Index& index, Freed*) -> Status {
        ASSIGN_OR_RETURN(const BucketRow row, FindBucket(index, name));
        RETURN_IF_ERROR(CheckPreconditions(preconditions, row.bucket, AccessKind::kWrite));
        ASSIGN_OR_RETURN(const bool full, index.BucketHasObjects(row.id));
        if (full) {
          return Aborted("The bucket you tried to delete is not empty.").WithReason("conflict");
        }
        return index.RemoveBucket(row.id);
      },
      WriteKind::kFrees);
}

}  // namespace hodei::store
