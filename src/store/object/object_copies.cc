// Objects made from other objects: compose, copy, move.
#include <fmt/format.h>

#include <algorithm>

#include "store/object/indexed_store.h"
#include "store/object/names.h"
#include "store/object/object_metadata.h"
#include "store/object/preconditions.h"
#include "store/object/retention.h"

namespace hodei::store {

Result<Object> IndexedStore::ComposeObject(const Object& destination,
                                           const std::vector<ComposeSource>& sources,
                                           const Preconditions& preconditions) {
  if (sources.empty() || sources.size() > kComposeSourceLimit) {
    return InvalidArgument("The number of source components must be between 1 and 32.")
        .WithReason("invalid");
  }
  RETURN_IF_ERROR(CheckObjectName(destination.name()));
  RETURN_IF_ERROR(CheckMetadata(destination));
  Object object = TakeMetadata(destination);
  int64_t components = 0;
  ContentBuilder builder(&tools_, ContentBuilder::Md5::kNo);
  for (const ComposeSource& source : sources) {
    ContentRow row;
    Preconditions match;
    match.if_generation_match = source.if_generation_match;
    ASSIGN_OR_RETURN(const Object found, FindWithContent(FinderOf(destination.bucket(), source.name,
                                                                  source.generation, match),
                                                         &row));
    if (object.content_type().empty()) object.set_content_type(found.content_type());
    components += std::max(found.component_count(), 1);
    if (builder.size_bytes() + row.size_bytes > kObjectSizeLimit) {
      return InvalidArgument("Objects must not exceed 5 TiB.").WithReason("invalid");
    }
    RETURN_IF_ERROR_CTX(
        ReadContent(row, [&](std::string_view piece) { return builder.Append(piece); }),
        fmt::format("read '{}/{}'", destination.bucket(), source.name));
  }
  object.set_component_count(static_cast<int32_t>(std::min<int64_t>(components, INT32_MAX)));
  builder.End();
  ContentSharing sharing(&builder);
  RETURN_IF_ERROR(PrepareSharing(&sharing));
  return CommitContent(&sharing, object, preconditions);
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
  RETURN_IF_ERROR(Reference(index, source.content_id));
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
    if (row.live()) return Supersede(index, bucket, row, freed);
    RETURN_IF_ERROR(index.RemoveObject(bucket.id, row));
    return Discard(index, bucket, row, freed);
  }));
  return out;
}

}  // namespace hodei::store
