// Changes of objects that are there: edits, deletion, restoring, and what becomes of their bytes.
#include <fmt/format.h>

#include "store/object/indexed_store.h"
#include "store/object/object_metadata.h"
#include "store/object/preconditions.h"
#include "store/object/retention.h"

namespace hodei::store {

Status IndexedStore::Supersede(Index& index, const BucketRow& bucket, ObjectRow live,
                               Freed* freed) {
  RETURN_IF_ERROR(index.RemoveObject(bucket.id, live));
  if (!bucket.bucket.versioning().enabled()) {
    return Discard(index, bucket, std::move(live), freed);
  }
  live.kind = RowKind::kNoncurrent;
  *live.object.mutable_time_deleted() = ToMilliseconds(clock_.Now());
  return index.PutObject(bucket.id, live);
}

// `row` has left the index's live or noncurrent rows.
Status IndexedStore::Discard(Index& index, const BucketRow& bucket, ObjectRow row, Freed* freed) {
  const int64_t seconds = SoftDeleteSeconds(bucket.bucket);
  if (seconds == 0) return Unreference(index, row.content_id, freed);
  row.kind = RowKind::kSoftDeleted;
  const auto now = ToMilliseconds(clock_.Now());
  *row.object.mutable_soft_delete_time() = now;
  *row.object.mutable_hard_delete_time() = now;
  row.object.mutable_hard_delete_time()->set_seconds(now.seconds() + seconds);
  return index.PutObject(bucket.id, row);
}

Status IndexedStore::Reference(Index& index, int64_t content_id) {
  ASSIGN_OR_RETURN(std::optional<ContentRow> content, index.FindContent(content_id));
  if (!content) return DataLoss(fmt::format("content {} has no row", content_id));
  ++content->references;
  return index.PutContent(*content);
}

Status IndexedStore::Unreference(Index& index, int64_t content_id, Freed* freed) {
  ASSIGN_OR_RETURN(std::optional<ContentRow> row, index.FindContent(content_id));
  if (!row) return DataLoss(fmt::format("content {} has no row", content_id));
  if (--row->references > 0) return index.PutContent(*row);
  RETURN_IF_ERROR(index.RemoveContent(content_id));
  if (row->segment != 0) {
    RETURN_IF_ERROR(index.AddLiveBytes(row->segment, -static_cast<int64_t>(row->size_bytes)));
    RETURN_IF_ERROR(FreeIfEmpty(index, row->segment, freed));
  }
  freed->contents.push_back(*std::move(row));
  return OkStatus();
}

Status IndexedStore::FreeIfEmpty(Index& index, int64_t segment, Freed* freed) {
  if (segment == contents_.open_segment()) return OkStatus();
  ASSIGN_OR_RETURN(const std::vector<ContentRow> left, index.ContentsOfSegment(segment, 1));
  if (!left.empty()) return OkStatus();
  freed->segments.push_back(segment);
  return index.ForgetSegment(segment);
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
    RETURN_IF_ERROR(CheckObjectEdit(row.object, edited));
    PutMetadata(edited, &row.object);
    row.object.set_metageneration(row.object.metageneration() + 1);
    const auto now = ToMilliseconds(clock_.Now());
    *row.object.mutable_updated() = now;
    if (class_changed) *row.object.mutable_time_storage_class_updated() = now;
    if (released) *row.object.mutable_hold_release_time() = now;
    RETURN_IF_ERROR(index.PutObject(owner.id, row));
    out = row.object;
    ApplyRetention(owner.bucket, &out);
    return OkStatus();
  }));
  return out;
}

Status IndexedStore::DeleteObject(std::string_view bucket, std::string_view name,
                                  std::optional<int64_t> generation,
                                  const Preconditions& preconditions) {
  return Change(
      [&](Index& index, Freed* freed) -> Status {
        ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
        const Result<ObjectRow> found = FindObject(index, owner, name, generation);
        if (found.status().code() == Code::kNotFound) {
          RETURN_IF_ERROR(CheckPreconditions(preconditions, nullptr, AccessKind::kWrite));
        }
        RETURN_IF_ERROR(found.status());
        const ObjectRow& row = *found;
        RETURN_IF_ERROR(CheckPreconditions(preconditions, &row.object, AccessKind::kWrite));
        if (row.live() && !generation && owner.bucket.versioning().enabled()) {
          RETURN_IF_ERROR(CheckHolds(row.object));
          return Supersede(index, owner, row, freed);
        }
        RETURN_IF_ERROR(CheckMayRemove(owner.bucket, row.object, clock_.Now()));
        RETURN_IF_ERROR(index.RemoveObject(owner.id, row));
        return Discard(index, owner, row, freed);
      },
      WriteKind::kFrees);
}

// Past its hard_delete_time; Sweep() removes it.
bool IndexedStore::Due(const Object& soft_deleted) const {
  return soft_deleted.hard_delete_time().seconds() <= ToMilliseconds(clock_.Now()).seconds();
}

Result<Object> IndexedStore::RestoreObject(std::string_view bucket, std::string_view name,
                                           int64_t generation, const Preconditions& preconditions) {
  Object out;
  RETURN_IF_ERROR(Change([&](Index& index, Freed* freed) -> Status {
    ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
    ASSIGN_OR_RETURN(std::optional<ObjectRow> row, index.FindSoftDeleted(owner, name, generation));
    if (row && Due(row->object)) row.reset();
    if (!row) {
      ASSIGN_OR_RETURN(row, index.FindNoncurrent(owner, name, generation));
    }
    if (!row) return NoSuchObject(bucket, name);
    RETURN_IF_ERROR(CheckWrite(index, owner, name, preconditions));
    ASSIGN_OR_RETURN(out, CopyRow(index, owner, *row, name, row->object, freed));
    return OkStatus();
  }));
  return out;
}

Result<Object> IndexedStore::GetSoftDeleted(std::string_view bucket, std::string_view name,
                                            int64_t generation) {
  Object out;
  RETURN_IF_ERROR(database_->Read([&](Index& index) -> Status {
    ASSIGN_OR_RETURN(const BucketRow owner, FindBucket(index, bucket));
    ASSIGN_OR_RETURN(std::optional<ObjectRow> row, index.FindSoftDeleted(owner, name, generation));
    if (!row || Due(row->object)) return NoSuchObject(bucket, name);
    out = std::move(row->object);
    return OkStatus();
  }));
  return out;
}

}  // namespace hodei::store
