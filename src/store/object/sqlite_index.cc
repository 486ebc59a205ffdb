#include "store/object/sqlite_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace hodei::store {
namespace {

using google::storage::v1::Object;

Result<BucketRow> ReadBucket(const BorrowedStatement& row) {
  BucketRow out;
  out.id = row->ColumnInt(0);
  const std::string_view bytes = row->ColumnBytes(1);
  if (!out.bucket.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return DamagedRow("bucket");
  }
  return out;
}

}  // namespace

Status DamagedRow(std::string_view what) {
  return DataLoss(fmt::format("object index: a damaged {} row", what));
}

std::string SerializeObject(const Object& object) {
  Object copy = object;
  copy.clear_bucket();
  copy.clear_name();
  copy.clear_generation();
  return copy.SerializeAsString();
}

bool RestoreObject(std::string_view serialized, std::string_view bucket, std::string_view name,
                   int64_t generation, Object* object) {
  if (!object->ParseFromArray(serialized.data(), static_cast<int>(serialized.size()))) return false;
  object->set_bucket(bucket.data(), bucket.size());
  object->set_name(name.data(), name.size());
  object->set_generation(generation);
  return true;
}

Result<std::optional<BucketRow>> SqliteIndex::FindBucket(std::string_view name) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT id, bucket FROM buckets WHERE name = ?1"));
  ASSIGN_OR_RETURN(const bool found, find->BindBlob(1, name).Step());
  if (!found) return std::optional<BucketRow>();
  ASSIGN_OR_RETURN(BucketRow row, ReadBucket(find));
  return std::optional<BucketRow>(std::move(row));
}

Result<std::vector<BucketRow>> SqliteIndex::ScanBuckets(std::string_view project_id,
                                                        std::string_view from, size_t limit) {
  static constexpr char kOne[] =
      "SELECT id, bucket FROM buckets WHERE project = ?1 AND name >= ?2 ORDER BY name LIMIT ?3";
  static constexpr char kAll[] =
      "SELECT id, bucket FROM buckets WHERE name >= ?2 ORDER BY name LIMIT ?3";
  ASSIGN_OR_RETURN(BorrowedStatement scan, db_.Borrow(project_id.empty() ? kAll : kOne));
  if (!project_id.empty()) scan->BindBlob(1, project_id);
  scan->BindBlob(2, from).BindInt(3, static_cast<int64_t>(limit));
  std::vector<BucketRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    ASSIGN_OR_RETURN(BucketRow row, ReadBucket(scan));
    rows.push_back(std::move(row));
  }
}

Status SqliteIndex::PutBucket(const BucketRow& row) {
  TellBucketChange();
  const std::string bytes = row.bucket.SerializeAsString();
  if (row.id == 0) {
    ASSIGN_OR_RETURN(BorrowedStatement insert,
                     db_.Borrow("INSERT INTO buckets (name, project, bucket) VALUES (?1, ?2, ?3)"));
    return insert->BindBlob(1, row.bucket.name())
        .BindBlob(2, row.bucket.project_id())
        .BindBlob(3, bytes)
        .Run();
  }
  ASSIGN_OR_RETURN(BorrowedStatement update,
                   db_.Borrow("UPDATE buckets SET bucket = ?2 WHERE id = ?1"));
  return update->BindInt(1, row.id).BindBlob(2, bytes).Run();
}

Status SqliteIndex::RemoveBucket(int64_t id) {
  TellBucketChange();
  ASSIGN_OR_RETURN(BorrowedStatement remove, db_.Borrow("DELETE FROM buckets WHERE id = ?1"));
  return remove->BindInt(1, id).Run();
}

Result<bool> SqliteIndex::BucketHasObjects(int64_t id) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT 1 WHERE EXISTS (SELECT 1 FROM live WHERE bucket = ?1) OR "
                              "EXISTS (SELECT 1 FROM noncurrent WHERE bucket = ?1)"));
  return find->BindInt(1, id).Step();
}

namespace {
Result<std::optional<ObjectRow>> ReadObjectRow(BorrowedStatement& find, const BucketRow& bucket,
                                               std::string_view name, RowKind kind) {
  ASSIGN_OR_RETURN(const bool found, find->Step());
  if (!found) return std::optional<ObjectRow>();
  ObjectRow row;
  row.kind = kind;
  row.content_id = find->ColumnInt(1);
  if (!RestoreObject(find->ColumnBytes(2), bucket.bucket.name(), name, find->ColumnInt(0),
                     &row.object)) {
    return DamagedRow("object");
  }
  return std::optional<ObjectRow>(std::move(row));
}
}  // namespace

Result<std::optional<ObjectRow>> SqliteIndex::FindLive(const BucketRow& bucket,
                                                       std::string_view name) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT generation, content, object FROM live "
                              "WHERE bucket = ?1 AND name = ?2"));
  find->BindInt(1, bucket.id).BindBlob(2, name);
  return ReadObjectRow(find, bucket, name, RowKind::kLive);
}

Result<std::optional<ObjectRow>> SqliteIndex::FindNoncurrent(const BucketRow& bucket,
                                                             std::string_view name,
                                                             int64_t generation) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT generation, content, object FROM noncurrent "
                              "WHERE bucket = ?1 AND name = ?2 AND generation = ?3"));
  find->BindInt(1, bucket.id).BindBlob(2, name).BindInt(3, generation);
  return ReadObjectRow(find, bucket, name, RowKind::kNoncurrent);
}

Result<std::optional<ObjectRow>> SqliteIndex::FindSoftDeleted(const BucketRow& bucket,
                                                              std::string_view name,
                                                              int64_t generation) {
  ASSIGN_OR_RETURN(BorrowedStatement find,
                   db_.Borrow("SELECT generation, content, object FROM soft_deleted "
                              "WHERE bucket = ?1 AND name = ?2 AND generation = ?3"));
  find->BindInt(1, bucket.id).BindBlob(2, name).BindInt(3, generation);
  return ReadObjectRow(find, bucket, name, RowKind::kSoftDeleted);
}

Status SqliteIndex::PutObject(int64_t bucket_id, const ObjectRow& row) {
  TellObjectChange(bucket_id, row);
  static constexpr char kLive[] =
      "INSERT OR REPLACE INTO live (bucket, name, generation, content, object) "
      "VALUES (?1, ?2, ?3, ?4, ?5)";
  static constexpr char kNoncurrent[] =
      "INSERT OR REPLACE INTO noncurrent (bucket, name, generation, content, object) "
      "VALUES (?1, ?2, ?3, ?4, ?5)";
  static constexpr char kSoftDeleted[] =
      "INSERT OR REPLACE INTO soft_deleted (bucket, name, generation, content, object, due) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
  const bool soft = row.kind == RowKind::kSoftDeleted;
  ASSIGN_OR_RETURN(BorrowedStatement put, db_.Borrow(row.live() ? kLive
                                                     : soft     ? kSoftDeleted
                                                                : kNoncurrent));
  const std::string bytes = SerializeObject(row.object);
  put->BindInt(1, bucket_id)
      .BindBlob(2, row.object.name())
      .BindInt(3, row.object.generation())
      .BindInt(4, row.content_id)
      .BindBlob(5, bytes);
  if (soft) put->BindInt(6, row.object.hard_delete_time().seconds());
  return put->Run();
}

Status SqliteIndex::RemoveObject(int64_t bucket_id, const ObjectRow& row) {
  TellObjectChange(bucket_id, row);
  if (row.live()) {
    ASSIGN_OR_RETURN(BorrowedStatement remove,
                     db_.Borrow("DELETE FROM live WHERE bucket = ?1 AND name = ?2"));
    return remove->BindInt(1, bucket_id).BindBlob(2, row.object.name()).Run();
  }
  static constexpr char kNoncurrent[] =
      "DELETE FROM noncurrent WHERE bucket = ?1 AND name = ?2 AND generation = ?3";
  static constexpr char kSoftDeleted[] =
      "DELETE FROM soft_deleted WHERE bucket = ?1 AND name = ?2 AND generation = ?3";
  const bool soft = row.kind == RowKind::kSoftDeleted;
  ASSIGN_OR_RETURN(BorrowedStatement remove, db_.Borrow(soft ? kSoftDeleted : kNoncurrent));
  return remove->BindInt(1, bucket_id)
      .BindBlob(2, row.object.name())
      .BindInt(3, row.object.generation())
      .Run();
}

Status SqliteIndex::Scan(int64_t bucket_id, const ScanPosition& from, ScanSet set,
                         const std::function<ScanStep(const ScanRow&)>& visit) {
  static constexpr char kLive[] =
      "SELECT name, generation, object FROM live WHERE bucket = ?1 AND name >= ?2 ORDER BY name";
  static constexpr char kAll[] =
      "SELECT name, generation, object FROM live WHERE bucket = ?1 AND name >= ?2 "
      "UNION ALL "
      "SELECT name, generation, object FROM noncurrent WHERE bucket = ?1 AND name >= ?2 "
      "ORDER BY 1, 2";
  static constexpr char kSoftDeleted[] =
      "SELECT name, generation, object FROM soft_deleted WHERE bucket = ?1 AND name >= ?2 "
      "ORDER BY name, generation";
  ASSIGN_OR_RETURN(BorrowedStatement scan, db_.Borrow(set == ScanSet::kLive       ? kLive
                                                      : set == ScanSet::kVersions ? kAll
                                                                                  : kSoftDeleted));
  ScanPosition position = from;
  scan->BindInt(1, bucket_id).BindBlob(2, position.name);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return OkStatus();
    const ScanRow row{scan->ColumnBytes(0), scan->ColumnInt(1), scan->ColumnBytes(2)};
    if (row.name == position.name && row.generation < position.generation) continue;
    ScanStep step = visit(row);
    if (step.kind == ScanStep::Kind::kStop) return OkStatus();
    if (step.kind == ScanStep::Kind::kNext) continue;
    scan->Reset();
    position = std::move(step.seek);
    scan->BindInt(1, bucket_id).BindBlob(2, position.name);
  }
}

Result<std::vector<Index::DueRow>> SqliteIndex::SoftDeletedDue(int64_t unix_seconds, size_t limit) {
  ASSIGN_OR_RETURN(BorrowedStatement scan,
                   db_.Borrow("SELECT bucket, name, generation, content FROM soft_deleted "
                              "WHERE due <= ?1 ORDER BY due LIMIT ?2"));
  scan->BindInt(1, unix_seconds).BindInt(2, static_cast<int64_t>(limit));
  std::vector<DueRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan->Step());
    if (!more) return rows;
    DueRow& due = rows.emplace_back();
    due.bucket_id = scan->ColumnInt(0);
    due.row.object.set_name(std::string(scan->ColumnBytes(1)));
    due.row.object.set_generation(scan->ColumnInt(2));
    due.row.content_id = scan->ColumnInt(3);
    due.row.kind = RowKind::kSoftDeleted;
  }
}

Result<int64_t> SqliteIndex::NextGeneration(int64_t wish) {
  if (last_generation_ < 0) {
    ASSIGN_OR_RETURN(last_generation_,
                     db_.QueryInt("SELECT value FROM counters WHERE name = 'generation'"));
  }
  last_generation_ = std::max(wish, last_generation_ + 1);
  generation_changed_ = true;
  return last_generation_;
}

Status SqliteIndex::FlushGeneration() {
  if (!generation_changed_) return OkStatus();
  ASSIGN_OR_RETURN(BorrowedStatement put,
                   db_.Borrow("UPDATE counters SET value = ?1 WHERE name = 'generation'"));
  RETURN_IF_ERROR(put->BindInt(1, last_generation_).Run());
  generation_changed_ = false;
  return OkStatus();
}

}  // namespace hodei::store
