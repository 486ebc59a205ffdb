// New objects from bytes that arrive: the writer, and the commit that makes them the live
// generation.
#include <fmt/format.h>

#include "store/object/indexed_store.h"
#include "store/object/names.h"
#include "store/object/object_metadata.h"
#include "store/object/preconditions.h"
#include "store/object/retention.h"

namespace hodei::store {

class IndexedWriter : public ObjectWriter {
 public:
  explicit IndexedWriter(IndexedStore* store)
      : store_(*store), builder_(&store->tools_, ContentBuilder::Md5::kYes) {}

  Status Append(std::string_view bytes) override {
    if (builder_.size_bytes() + bytes.size() > kObjectSizeLimit) {
      return InvalidArgument("Objects must not exceed 5 TiB.").WithReason("uploadTooLarge");
    }
    return builder_.Append(bytes);
  }
  uint64_t size() const override { return builder_.size_bytes(); }

  Result<Object> Commit(const Object& metadata, const Preconditions& preconditions,
                        const ExpectedContent& expected) override {
    RETURN_IF_ERROR(CheckObjectName(metadata.name()));
    RETURN_IF_ERROR(CheckMetadata(metadata));
    ContentSharing sharing(&builder_);
    RETURN_IF_ERROR(End(expected, &sharing));
    Object object = TakeMetadata(metadata);
    object.set_md5_hash(builder_.FinishMd5());
    return store_.CommitContent(&sharing, object, preconditions);
  }

  Result<MultipartPart> CommitPart(const MultipartKey& upload, int number,
                                   const ExpectedContent& expected) override {
    if (number < 1 || number > kMultipartPartLimit) {
      return InvalidArgument(
                 fmt::format("Part number must be between 1 and {}.", kMultipartPartLimit))
          .WithReason("invalid");
    }
    ContentSharing sharing(&builder_);
    RETURN_IF_ERROR(End(expected, &sharing));
    return store_.CommitPartContent(&sharing, upload, number, builder_.FinishMd5());
  }

 private:
  // The disk and the MD5 thread finish side by side.
  Status End(const ExpectedContent& expected, ContentSharing* sharing) {
    builder_.End();
    RETURN_IF_ERROR(store_.PrepareSharing(sharing));
    return CheckExpected(expected, builder_.size_bytes(), builder_.FinishMd5(),
                         builder_.facts().crc32c);
  }

  IndexedStore& store_;
  ContentBuilder builder_;
};

Result<std::unique_ptr<ObjectWriter>> IndexedStore::NewWriter() {
  return std::unique_ptr<ObjectWriter>(std::make_unique<IndexedWriter>(this));
}

Status IndexedStore::CheckWrite(Index& index, const BucketRow& bucket, std::string_view name,
                                const Preconditions& preconditions) const {
  ASSIGN_OR_RETURN(const std::optional<ObjectRow> live, index.FindLive(bucket, name));
  RETURN_IF_ERROR(
      CheckPreconditions(preconditions, live ? &live->object : nullptr, AccessKind::kWrite));
  if (!live) return OkStatus();
  // Retention allows that bytes become noncurrent, holds do not.
  if (bucket.bucket.versioning().enabled()) return CheckHolds(live->object);
  return CheckMayRemove(bucket.bucket, live->object, clock_.Now());
}

Result<Object> IndexedStore::CommitContent(ContentSharing* sharing, const Object& metadata,
                                           const Preconditions& preconditions) {
  Object object = metadata;
  object.set_size(sharing->content.facts().size_bytes);
  object.set_crc32c(sharing->content.facts().crc32c);
  Object out;
  RETURN_IF_ERROR(
      ChangeWith(sharing, [&](Index& index, const PlaceFunction& place, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, object.bucket()));
        RETURN_IF_ERROR(CheckWrite(index, bucket, object.name(), preconditions));
        ASSIGN_OR_RETURN(const int64_t content, place());
        ASSIGN_OR_RETURN(out, Install(index, bucket, object, content, freed));
        return OkStatus();
      }));
  return out;
}

Result<Object> IndexedStore::Install(Index& index, const BucketRow& bucket, Object object,
                                     int64_t content_id, Freed* freed) {
  const WallTime now = clock_.Now();
  ASSIGN_OR_RETURN(std::optional<ObjectRow> live, index.FindLive(bucket, object.name()));
  if (live) RETURN_IF_ERROR(Supersede(index, bucket, *std::move(live), freed));
  ASSIGN_OR_RETURN(const int64_t generation, index.NextGeneration(now.unix_nanos / 1000));
  object.set_bucket(bucket.bucket.name());
  object.set_generation(generation);
  object.set_metageneration(1);
  if (object.storage_class().empty()) object.set_storage_class(bucket.bucket.storage_class());
  if (object.content_type().empty()) object.set_content_type("application/octet-stream");
  *object.mutable_time_created() = ToMilliseconds(now);
  *object.mutable_updated() = object.time_created();
  *object.mutable_time_storage_class_updated() = object.time_created();
  object.clear_time_deleted();
  object.clear_soft_delete_time();
  object.clear_hard_delete_time();
  object.clear_hold_release_time();
  object.clear_retention_expiration_time();
  if (bucket.bucket.default_event_based_hold()) object.set_event_based_hold(true);
  RETURN_IF_ERROR(index.PutObject(bucket.id, ObjectRow{object, content_id, RowKind::kLive}));
  ApplyRetention(bucket.bucket, &object);
  return object;
}

}  // namespace hodei::store
