// Changes to objects: install a generation, update, delete, compose, copy, move.
#include <fmt/format.h>

#include "store/object/indexed_store.h"
#include "store/object/names.h"
#include "store/object/preconditions.h"

namespace hodei::store {
namespace {

// The fields a caller decides; all others are the store's.
Object TakeMetadata(const Object& from) {
  Object out;
  out.set_bucket(from.bucket());
  out.set_name(from.name());
  out.set_content_type(from.content_type());
  out.set_storage_class(from.storage_class());
  *out.mutable_metadata() = from.metadata();
  out.set_cache_control(from.cache_control());
  out.set_content_disposition(from.content_disposition());
  out.set_content_encoding(from.content_encoding());
  out.set_content_language(from.content_language());
  if (from.has_custom_time()) *out.mutable_custom_time() = from.custom_time();
  out.set_temporary_hold(from.temporary_hold());
  out.set_event_based_hold(from.event_based_hold());
  if (from.has_customer_encryption()) {
    *out.mutable_customer_encryption() = from.customer_encryption();
  }
  out.set_kms_key_name(from.kms_key_name());
  *out.mutable_settings() = from.settings();
  return out;
}

// And back onto `object`, so that an edit cannot touch anything else.
void PutMetadata(const Object& metadata, Object* object) {
  Object next = TakeMetadata(metadata);
  next.set_bucket(object->bucket());
  next.set_name(object->name());
  next.set_generation(object->generation());
  next.set_metageneration(object->metageneration());
  next.set_size(object->size());
  next.set_md5_hash(object->md5_hash());
  next.set_crc32c(object->crc32c());
  next.set_component_count(object->component_count());
  *next.mutable_time_created() = object->time_created();
  *next.mutable_updated() = object->updated();
  *next.mutable_time_storage_class_updated() = object->time_storage_class_updated();
  if (object->has_time_deleted()) *next.mutable_time_deleted() = object->time_deleted();
  if (object->has_retention_expiration_time()) {
    *next.mutable_retention_expiration_time() = object->retention_expiration_time();
  }
  *object = std::move(next);
}

google::protobuf::Timestamp AddSeconds(google::protobuf::Timestamp time, int64_t seconds) {
  time.set_seconds(time.seconds() + seconds);
  return time;
}

}  // namespace

class IndexedWriter : public ObjectWriter {
 public:
  explicit IndexedWriter(IndexedStore* store)
      : store_(*store),
        builder_(&store->contents_, &store->ids_, store->parts_.small_object_bytes,
                 &store->md5_threads_) {}

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
    RETURN_IF_ERROR(builder_.Finish());
    RETURN_IF_ERROR(
        CheckExpected(expected, builder_.size_bytes(), builder_.md5(), builder_.crc32c()));
    return store_.CommitContent(&builder_, metadata, preconditions);
  }

  Result<MultipartPart> CommitPart(const MultipartKey&, int, const ExpectedContent&) override {
    return Unimplemented("multipart uploads");
  }

 private:
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
  if (live && !bucket.bucket.versioning().enabled()) {
    return CheckMayRemove(bucket.bucket, live->object, clock_.Now());
  }
  return OkStatus();
}

Result<Object> IndexedStore::CommitContent(ContentBuilder* builder, const Object& metadata,
                                           const Preconditions& preconditions) {
  Object object = TakeMetadata(metadata);
  object.set_size(builder->size_bytes());
  object.set_md5_hash(builder->md5());
  object.set_crc32c(builder->crc32c());
  object.set_component_count(metadata.component_count());
  RETURN_IF_ERROR(Change([&](Index& index, Freed* freed) -> Status {
    ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, metadata.bucket()));
    RETURN_IF_ERROR(CheckWrite(index, bucket, metadata.name(), preconditions));
    ASSIGN_OR_RETURN(const int64_t content, builder->Store(index));
    ASSIGN_OR_RETURN(Object installed, Install(index, bucket, object, content, freed));
    object = std::move(installed);
    return OkStatus();
  }));
  builder->Keep();
  return object;
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
  object.clear_retention_expiration_time();
  if (bucket.bucket.default_event_based_hold()) object.set_event_based_hold(true);
  const int64_t period = bucket.bucket.retention_policy().retention_period();
  if (period > 0 && !object.event_based_hold()) {
    *object.mutable_retention_expiration_time() = AddSeconds(object.time_created(), period);
  }
  RETURN_IF_ERROR(index.PutObject(bucket.id, ObjectRow{object, content_id, true}));
  return object;
}

Status IndexedStore::Supersede(Index& index, const BucketRow& bucket, ObjectRow live,
                               Freed* freed) {
  RETURN_IF_ERROR(index.RemoveObject(bucket.id, live));
  if (!bucket.bucket.versioning().enabled()) return Unreference(index, live.content_id, freed);
  live.live = false;
  *live.object.mutable_time_deleted() = ToMilliseconds(clock_.Now());
  return index.PutObject(bucket.id, live);
}

Status IndexedStore::Unreference(Index& index, int64_t content_id, Freed* freed) {
  ASSIGN_OR_RETURN(std::optional<ContentRow> row, index.FindContent(content_id));
  if (!row) return DataLoss(fmt::format("content {} has no row", content_id));
  if (--row->references > 0) return index.PutContent(*row);
  RETURN_IF_ERROR(index.RemoveContent(content_id));
  if (row->segment != 0 && row->segment != contents_.open_segment()) {
    ASSIGN_OR_RETURN(const std::vector<ContentRow> left, index.ContentsOfSegment(row->segment, 1));
    if (left.empty()) freed->segments.push_back(row->segment);
  }
  freed->contents.push_back(*row);
  return OkStatus();
}

Result<Object> IndexedStore::UpdateObject(std::string_view bucket, std::string_view name,
                                          std::optional<int64_t> generation,
                                          const Preconditions& preconditions,
                                          const std::function<Status(Object*)>& edit) {
  Object out;
  RETURN_IF_ERROR(Change([&](Index& index, Freed*) -> Status {
    ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
    ASSIGN_OR_RETURN(ObjectRow row, FindObject(index, owner, name, generation));
    RETURN_IF_ERROR(CheckPreconditions(preconditions, &row.object, AccessKind::kWrite));
    Object edited = row.object;
    RETURN_IF_ERROR(edit(&edited));
    RETURN_IF_ERROR(CheckMetadata(edited));
    const bool released = row.object.event_based_hold() && !edited.event_based_hold();
    const bool class_changed = row.object.storage_class() != edited.storage_class();
    PutMetadata(edited, &row.object);
    row.object.set_metageneration(row.object.metageneration() + 1);
    const auto now = ToMilliseconds(clock_.Now());
    *row.object.mutable_updated() = now;
    if (class_changed) *row.object.mutable_time_storage_class_updated() = now;
    const int64_t period = owner.bucket.retention_policy().retention_period();
    if (released && period > 0) {
      *row.object.mutable_retention_expiration_time() = AddSeconds(now, period);
    }
    out = row.object;
    return index.PutObject(owner.id, row);
  }));
  return out;
}

Status IndexedStore::DeleteObject(std::string_view bucket, std::string_view name,
                                  std::optional<int64_t> generation,
                                  const Preconditions& preconditions) {
  return Change([&](Index& index, Freed* freed) -> Status {
    ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
    const Result<ObjectRow> found = FindObject(index, owner, name, generation);
    if (found.status().code() == Code::kNotFound) {
      RETURN_IF_ERROR(CheckPreconditions(preconditions, nullptr, AccessKind::kWrite));
    }
    RETURN_IF_ERROR(found.status());
    const ObjectRow& row = *found;
    RETURN_IF_ERROR(CheckPreconditions(preconditions, &row.object, AccessKind::kWrite));
    if (row.live && !generation && owner.bucket.versioning().enabled()) {
      return Supersede(index, owner, row, freed);
    }
    RETURN_IF_ERROR(CheckMayRemove(owner.bucket, row.object, clock_.Now()));
    RETURN_IF_ERROR(index.RemoveObject(owner.id, row));
    return Unreference(index, row.content_id, freed);
  });
}

Result<Object> IndexedStore::ComposeObject(const Object& destination,
                                           const std::vector<ComposeSource>& sources,
                                           const Preconditions& preconditions) {
  if (sources.empty() || sources.size() > kComposeSourceLimit) {
    return InvalidArgument("The number of source components must be between 1 and 32.")
        .WithReason("invalid");
  }
  RETURN_IF_ERROR(CheckObjectName(destination.name()));
  RETURN_IF_ERROR(CheckMetadata(destination));
  Object object = destination;
  int64_t components = 0;
  ContentBuilder builder(&contents_, &ids_, parts_.small_object_bytes, /*md5_threads=*/nullptr);
  for (const ComposeSource& source : sources) {
    ContentRow row;
    Preconditions match;
    match.if_generation_match = source.if_generation_match;
    ASSIGN_OR_RETURN(const OpenedObject opened,
                     TryOpen(destination.bucket(), source.name, source.generation, match, &row));
    if (object.content_type().empty()) object.set_content_type(opened.object.content_type());
    components += std::max(opened.object.component_count(), 1);
    if (builder.size_bytes() + row.size_bytes > kObjectSizeLimit) {
      return InvalidArgument("Objects must not exceed 5 TiB.").WithReason("invalid");
    }
    RETURN_IF_ERROR_CTX(
        ReadContent(row, [&](std::string_view piece) { return builder.Append(piece); }),
        fmt::format("read '{}/{}'", destination.bucket(), source.name));
  }
  object.set_component_count(static_cast<int32_t>(std::min<int64_t>(components, INT32_MAX)));
  RETURN_IF_ERROR(builder.Finish());
  return CommitContent(&builder, object, preconditions);
}

Result<Object> IndexedStore::CopyRow(Index& index, const BucketRow& bucket, const ObjectRow& source,
                                     std::string_view name, const std::optional<Object>& metadata,
                                     Freed* freed) {
  Object object = TakeMetadata(metadata ? *metadata : source.object);
  if (!metadata) object.clear_storage_class();
  if (object.content_type().empty()) object.set_content_type(source.object.content_type());
  object.set_temporary_hold(metadata && metadata->temporary_hold());
  object.set_event_based_hold(metadata && metadata->event_based_hold());
  object.set_name(std::string(name));
  object.set_size(source.object.size());
  object.set_md5_hash(source.object.md5_hash());
  object.set_crc32c(source.object.crc32c());
  object.set_component_count(source.object.component_count());
  // The reference is taken first: the source may be the very object that is overwritten.
  ASSIGN_OR_RETURN(std::optional<ContentRow> content, index.FindContent(source.content_id));
  if (!content) return DataLoss(fmt::format("content {} has no row", source.content_id));
  ++content->references;
  RETURN_IF_ERROR(index.PutContent(*content));
  return Install(index, bucket, std::move(object), source.content_id, freed);
}

Result<Object> IndexedStore::CopyObject(const CopySource& source, std::string_view bucket,
                                        std::string_view name,
                                        const std::optional<Object>& metadata,
                                        const Preconditions& preconditions) {
  RETURN_IF_ERROR(CheckObjectName(name));
  if (metadata) RETURN_IF_ERROR(CheckMetadata(*metadata));
  Object out;
  RETURN_IF_ERROR(Change([&](Index& index, Freed* freed) -> Status {
    ASSIGN_OR_RETURN(const BucketRow from, FindBucket(index, source.bucket));
    ASSIGN_OR_RETURN(const ObjectRow row, FindObject(index, from, source.name, source.generation));
    RETURN_IF_ERROR(CheckPreconditions(source.preconditions, &row.object, AccessKind::kWrite));
    ASSIGN_OR_RETURN(const BucketRow to, FindBucket(index, bucket));
    RETURN_IF_ERROR(CheckWrite(index, to, name, preconditions));
    ASSIGN_OR_RETURN(out, CopyRow(index, to, row, name, metadata, freed));
    return OkStatus();
  }));
  return out;
}

Result<Object> IndexedStore::MoveObject(const CopySource& source, std::string_view name,
                                        const Preconditions& preconditions) {
  RETURN_IF_ERROR(CheckObjectName(name));
  if (source.name == name) {
    return InvalidArgument("The source and destination of a move must differ.")
        .WithReason("invalid");
  }
  Object out;
  RETURN_IF_ERROR(Change([&](Index& index, Freed* freed) -> Status {
    ASSIGN_OR_RETURN(const BucketRow bucket, FindBucket(index, source.bucket));
    ASSIGN_OR_RETURN(const ObjectRow row,
                     FindObject(index, bucket, source.name, source.generation));
    RETURN_IF_ERROR(CheckPreconditions(source.preconditions, &row.object, AccessKind::kWrite));
    RETURN_IF_ERROR(CheckMayRemove(bucket.bucket, row.object, clock_.Now()));
    RETURN_IF_ERROR(CheckWrite(index, bucket, name, preconditions));
    ASSIGN_OR_RETURN(out, CopyRow(index, bucket, row, name, row.object, freed));
    if (row.live) return Supersede(index, bucket, row, freed);
    RETURN_IF_ERROR(index.RemoveObject(bucket.id, row));
    return Unreference(index, row.content_id, freed);
  }));
  return out;
}

}  // namespace hodei::store
