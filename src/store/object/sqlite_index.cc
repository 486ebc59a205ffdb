#include "store/object/sqlite_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace hodei::store {
namespace {

using google::storage::v1::Object;

constexpr int64_t kSchemaVersion = 1;

// Rows of `live` and `noncurrent` lie in name order in the table's own tree, so that a page of a
// listing is one range of neighbouring rows, and an overwrite touches one leaf.
constexpr char kSchema[] = R"sql(
  CREATE TABLE buckets (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name BLOB NOT NULL UNIQUE,
    project BLOB NOT NULL,
    bucket BLOB NOT NULL);
  CREATE INDEX buckets_by_project ON buckets (project, name);
  CREATE TABLE live (
    bucket INTEGER NOT NULL, name BLOB NOT NULL, generation INTEGER NOT NULL,
    content INTEGER NOT NULL, object BLOB NOT NULL,
    PRIMARY KEY (bucket, name)) WITHOUT ROWID;
  CREATE TABLE noncurrent (
    bucket INTEGER NOT NULL, name BLOB NOT NULL, generation INTEGER NOT NULL,
    content INTEGER NOT NULL, object BLOB NOT NULL,
    PRIMARY KEY (bucket, name, generation)) WITHOUT ROWID;
  CREATE TABLE contents (
    id INTEGER PRIMARY KEY, size INTEGER NOT NULL, crc32c INTEGER NOT NULL,
    segment INTEGER NOT NULL, offset INTEGER NOT NULL, refs INTEGER NOT NULL);
  CREATE INDEX contents_by_segment ON contents (segment, id) WHERE segment > 0;
  CREATE TABLE uploads (
    key BLOB PRIMARY KEY, created INTEGER NOT NULL, state INTEGER NOT NULL,
    content INTEGER NOT NULL, stored INTEGER NOT NULL, stored_crc INTEGER NOT NULL,
    upload BLOB NOT NULL, result BLOB NOT NULL) WITHOUT ROWID;
  CREATE INDEX uploads_by_age ON uploads (created);
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counters VALUES ('generation', 0);
  PRAGMA user_version = 1;
)sql";

Status Damaged(std::string_view what) {
  return DataLoss(fmt::format("object index: a damaged {} row", what));
}

Result<BucketRow> ReadBucket(const SqliteQuery& row) {
  BucketRow out;
  out.id = row.Int(0);
  const std::string_view bytes = row.Blob(1);
  if (!out.bucket.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Damaged("bucket");
  }
  return out;
}

ContentRow ReadContent(const SqliteQuery& row) {
  ContentRow out;
  out.id = row.Int(0);
  out.size_bytes = static_cast<uint64_t>(row.Int(1));
  out.crc32c = static_cast<uint32_t>(row.Int(2));
  out.segment = row.Int(3);
  out.offset = static_cast<uint64_t>(row.Int(4));
  out.references = row.Int(5);
  return out;
}

Result<UploadRow> ReadUpload(const SqliteQuery& row) {
  UploadRow out;
  out.key = std::string(row.Blob(0));
  out.created_unix_seconds = row.Int(1);
  out.state = static_cast<UploadRow::State>(row.Int(2));
  out.content_id = row.Int(3);
  out.stored_bytes = static_cast<uint64_t>(row.Int(4));
  out.stored_crc32c = static_cast<uint32_t>(row.Int(5));
  const std::string_view upload = row.Blob(6);
  const std::string_view result = row.Blob(7);
  if (!out.upload.ParseFromArray(upload.data(), static_cast<int>(upload.size())) ||
      !out.result.ParseFromArray(result.data(), static_cast<int>(result.size()))) {
    return Damaged("upload");
  }
  return out;
}

}  // namespace

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

Status SqliteIndex::Migrate(SqliteConnection* connection) {
  ASSIGN_OR_RETURN(const int64_t version, connection->QueryInt("PRAGMA user_version"));
  if (version > kSchemaVersion) {
    return FailedPrecondition(fmt::format(
        "the object index has schema {}, this program knows {}: start the newer program, or "
        "restore a backup made by this one",
        version, kSchemaVersion));
  }
  if (version == kSchemaVersion) return OkStatus();
  RETURN_IF_ERROR(connection->Execute("BEGIN EXCLUSIVE"));
  const Status status = connection->Execute(kSchema);
  if (!status.ok()) {
    (void)connection->Execute("ROLLBACK");
    return Annotate(status, "create tables");
  }
  return connection->Execute("COMMIT");
}

Result<std::optional<BucketRow>> SqliteIndex::FindBucket(std::string_view name) {
  ASSIGN_OR_RETURN(SqliteQuery find, db_.Prepare("SELECT id, bucket FROM buckets WHERE name = ?1"));
  ASSIGN_OR_RETURN(const bool found, find.BindBlob(1, name).Step());
  if (!found) return std::optional<BucketRow>();
  ASSIGN_OR_RETURN(BucketRow row, ReadBucket(find));
  return std::optional<BucketRow>(std::move(row));
}

Result<std::vector<BucketRow>> SqliteIndex::ScanBuckets(std::string_view project_id,
                                                        std::string_view from, size_t limit) {
  ASSIGN_OR_RETURN(SqliteQuery scan,
                   db_.Prepare("SELECT id, bucket FROM buckets WHERE project = ?1 AND name >= ?2 "
                               "ORDER BY name LIMIT ?3"));
  scan.BindBlob(1, project_id).BindBlob(2, from).Bind(3, static_cast<int64_t>(limit));
  std::vector<BucketRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan.Step());
    if (!more) return rows;
    ASSIGN_OR_RETURN(BucketRow row, ReadBucket(scan));
    rows.push_back(std::move(row));
  }
}

Status SqliteIndex::PutBucket(const BucketRow& row) {
  const std::string bytes = row.bucket.SerializeAsString();
  if (row.id == 0) {
    ASSIGN_OR_RETURN(
        SqliteQuery insert,
        db_.Prepare("INSERT INTO buckets (name, project, bucket) VALUES (?1, ?2, ?3)"));
    return insert.BindBlob(1, row.bucket.name())
        .BindBlob(2, row.bucket.project_id())
        .BindBlob(3, bytes)
        .Run();
  }
  ASSIGN_OR_RETURN(SqliteQuery update, db_.Prepare("UPDATE buckets SET bucket = ?2 WHERE id = ?1"));
  return update.Bind(1, row.id).BindBlob(2, bytes).Run();
}

Status SqliteIndex::RemoveBucket(int64_t id) {
  ASSIGN_OR_RETURN(SqliteQuery remove, db_.Prepare("DELETE FROM buckets WHERE id = ?1"));
  return remove.Bind(1, id).Run();
}

Result<bool> SqliteIndex::BucketHasObjects(int64_t id) {
  ASSIGN_OR_RETURN(SqliteQuery find,
                   db_.Prepare("SELECT 1 WHERE EXISTS (SELECT 1 FROM live WHERE bucket = ?1) OR "
                               "EXISTS (SELECT 1 FROM noncurrent WHERE bucket = ?1)"));
  return find.Bind(1, id).Step();
}

namespace {
Result<std::optional<ObjectRow>> ReadObjectRow(SqliteQuery& find, const BucketRow& bucket,
                                               std::string_view name, bool live) {
  ASSIGN_OR_RETURN(const bool found, find.Step());
  if (!found) return std::optional<ObjectRow>();
  ObjectRow row;
  row.live = live;
  row.content_id = find.Int(1);
  if (!RestoreObject(find.Blob(2), bucket.bucket.name(), name, find.Int(0), &row.object)) {
    return Damaged("object");
  }
  return std::optional<ObjectRow>(std::move(row));
}
}  // namespace

Result<std::optional<ObjectRow>> SqliteIndex::FindLive(const BucketRow& bucket,
                                                       std::string_view name) {
  ASSIGN_OR_RETURN(SqliteQuery find, db_.Prepare("SELECT generation, content, object FROM live "
                                                 "WHERE bucket = ?1 AND name = ?2"));
  find.Bind(1, bucket.id).BindBlob(2, name);
  return ReadObjectRow(find, bucket, name, true);
}

Result<std::optional<ObjectRow>> SqliteIndex::FindNoncurrent(const BucketRow& bucket,
                                                             std::string_view name,
                                                             int64_t generation) {
  ASSIGN_OR_RETURN(SqliteQuery find,
                   db_.Prepare("SELECT generation, content, object FROM noncurrent "
                               "WHERE bucket = ?1 AND name = ?2 AND generation = ?3"));
  find.Bind(1, bucket.id).BindBlob(2, name).Bind(3, generation);
  return ReadObjectRow(find, bucket, name, false);
}

Status SqliteIndex::PutObject(int64_t bucket_id, const ObjectRow& row) {
  static constexpr char kLive[] =
      "INSERT OR REPLACE INTO live (bucket, name, generation, content, object) "
      "VALUES (?1, ?2, ?3, ?4, ?5)";
  static constexpr char kNoncurrent[] =
      "INSERT OR REPLACE INTO noncurrent (bucket, name, generation, content, object) "
      "VALUES (?1, ?2, ?3, ?4, ?5)";
  ASSIGN_OR_RETURN(SqliteQuery put, db_.Prepare(row.live ? kLive : kNoncurrent));
  const std::string bytes = SerializeObject(row.object);
  return put.Bind(1, bucket_id)
      .BindBlob(2, row.object.name())
      .Bind(3, row.object.generation())
      .Bind(4, row.content_id)
      .BindBlob(5, bytes)
      .Run();
}

Status SqliteIndex::RemoveObject(int64_t bucket_id, const ObjectRow& row) {
  if (row.live) {
    ASSIGN_OR_RETURN(SqliteQuery remove,
                     db_.Prepare("DELETE FROM live WHERE bucket = ?1 AND name = ?2"));
    return remove.Bind(1, bucket_id).BindBlob(2, row.object.name()).Run();
  }
  ASSIGN_OR_RETURN(
      SqliteQuery remove,
      db_.Prepare("DELETE FROM noncurrent WHERE bucket = ?1 AND name = ?2 AND generation = ?3"));
  return remove.Bind(1, bucket_id)
      .BindBlob(2, row.object.name())
      .Bind(3, row.object.generation())
      .Run();
}

Status SqliteIndex::Scan(int64_t bucket_id, const ScanPosition& from, bool versions,
                         const std::function<ScanStep(const ScanRow&)>& visit) {
  static constexpr char kLive[] =
      "SELECT name, generation, object FROM live WHERE bucket = ?1 AND name >= ?2 ORDER BY name";
  static constexpr char kAll[] =
      "SELECT name, generation, object FROM live WHERE bucket = ?1 AND name >= ?2 "
      "UNION ALL "
      "SELECT name, generation, object FROM noncurrent WHERE bucket = ?1 AND name >= ?2 "
      "ORDER BY 1, 2";
  ASSIGN_OR_RETURN(SqliteQuery scan, db_.Prepare(versions ? kAll : kLive));
  ScanPosition position = from;
  scan.Bind(1, bucket_id).BindBlob(2, position.name);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan.Step());
    if (!more) return OkStatus();
    const ScanRow row{scan.Blob(0), scan.Int(1), scan.Blob(2)};
    if (row.name == position.name && row.generation < position.generation) continue;
    ScanStep step = visit(row);
    if (step.kind == ScanStep::Kind::kStop) return OkStatus();
    if (step.kind == ScanStep::Kind::kNext) continue;
    scan.Reset();
    position = std::move(step.seek);
    scan.Bind(1, bucket_id).BindBlob(2, position.name);
  }
}

Result<std::optional<ContentRow>> SqliteIndex::FindContent(int64_t id) {
  ASSIGN_OR_RETURN(
      SqliteQuery find,
      db_.Prepare("SELECT id, size, crc32c, segment, offset, refs FROM contents WHERE id = ?1"));
  ASSIGN_OR_RETURN(const bool found, find.Bind(1, id).Step());
  if (!found) return std::optional<ContentRow>();
  return std::optional<ContentRow>(ReadContent(find));
}

Status SqliteIndex::PutContent(const ContentRow& row) {
  ASSIGN_OR_RETURN(SqliteQuery put, db_.Prepare("INSERT OR REPLACE INTO contents "
                                                "(id, size, crc32c, segment, offset, refs) "
                                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  return put.Bind(1, row.id)
      .Bind(2, static_cast<int64_t>(row.size_bytes))
      .Bind(3, row.crc32c)
      .Bind(4, row.segment)
      .Bind(5, static_cast<int64_t>(row.offset))
      .Bind(6, row.references)
      .Run();
}

Status SqliteIndex::RemoveContent(int64_t id) {
  ASSIGN_OR_RETURN(SqliteQuery remove, db_.Prepare("DELETE FROM contents WHERE id = ?1"));
  return remove.Bind(1, id).Run();
}

Status SqliteIndex::ScanContents(int64_t from_id,
                                 const std::function<bool(const ContentRow&)>& visit) {
  ASSIGN_OR_RETURN(SqliteQuery scan,
                   db_.Prepare("SELECT id, size, crc32c, segment, offset, refs FROM contents "
                               "WHERE id >= ?1 ORDER BY id"));
  scan.Bind(1, from_id);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan.Step());
    if (!more || !visit(ReadContent(scan))) return OkStatus();
  }
}

Result<Index::Highest> SqliteIndex::FindHighest() {
  Highest highest;
  ASSIGN_OR_RETURN(const int64_t stored, db_.QueryInt("SELECT max(id) FROM contents"));
  ASSIGN_OR_RETURN(const int64_t uploading, db_.QueryInt("SELECT max(content) FROM uploads"));
  highest.content_id = std::max(stored, uploading);
  ASSIGN_OR_RETURN(highest.segment,
                   db_.QueryInt("SELECT max(segment) FROM contents WHERE segment > 0"));
  return highest;
}

Result<std::vector<ContentRow>> SqliteIndex::ContentsOfSegment(int64_t segment, size_t limit) {
  ASSIGN_OR_RETURN(SqliteQuery scan,
                   db_.Prepare("SELECT id, size, crc32c, segment, offset, refs FROM contents "
                               "WHERE segment = ?1 AND segment > 0 ORDER BY id LIMIT ?2"));
  scan.Bind(1, segment).Bind(2, static_cast<int64_t>(limit));
  std::vector<ContentRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan.Step());
    if (!more) return rows;
    rows.push_back(ReadContent(scan));
  }
}

Status SqliteIndex::ScanReferences(const std::function<bool(int64_t, int64_t)>& visit) {
  ASSIGN_OR_RETURN(
      SqliteQuery scan,
      db_.Prepare("SELECT content, count(*) FROM (SELECT content FROM live UNION ALL "
                  "SELECT content FROM noncurrent) GROUP BY content ORDER BY content"));
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan.Step());
    if (!more || !visit(scan.Int(0), scan.Int(1))) return OkStatus();
  }
}

Result<std::optional<UploadRow>> SqliteIndex::FindUpload(std::string_view key) {
  ASSIGN_OR_RETURN(SqliteQuery find,
                   db_.Prepare("SELECT key, created, state, content, stored, stored_crc, upload, "
                               "result FROM uploads WHERE key = ?1"));
  ASSIGN_OR_RETURN(const bool found, find.BindBlob(1, key).Step());
  if (!found) return std::optional<UploadRow>();
  ASSIGN_OR_RETURN(UploadRow row, ReadUpload(find));
  return std::optional<UploadRow>(std::move(row));
}

Status SqliteIndex::PutUpload(const UploadRow& row) {
  ASSIGN_OR_RETURN(SqliteQuery put,
                   db_.Prepare("INSERT OR REPLACE INTO uploads "
                               "(key, created, state, content, stored, stored_crc, upload, result) "
                               "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"));
  const std::string upload = row.upload.SerializeAsString();
  const std::string result = row.result.SerializeAsString();
  return put.BindBlob(1, row.key)
      .Bind(2, row.created_unix_seconds)
      .Bind(3, static_cast<int64_t>(row.state))
      .Bind(4, row.content_id)
      .Bind(5, static_cast<int64_t>(row.stored_bytes))
      .Bind(6, row.stored_crc32c)
      .BindBlob(7, upload)
      .BindBlob(8, result)
      .Run();
}

Status SqliteIndex::RemoveUpload(std::string_view key) {
  ASSIGN_OR_RETURN(SqliteQuery remove, db_.Prepare("DELETE FROM uploads WHERE key = ?1"));
  return remove.BindBlob(1, key).Run();
}

Result<size_t> SqliteIndex::CountOpenUploads() {
  ASSIGN_OR_RETURN(const int64_t count,
                   db_.QueryInt("SELECT count(*) FROM uploads WHERE state = 0"));
  return static_cast<size_t>(count);
}

Result<std::vector<UploadRow>> SqliteIndex::UploadsBefore(int64_t unix_seconds, size_t limit) {
  ASSIGN_OR_RETURN(SqliteQuery scan,
                   db_.Prepare("SELECT key, created, state, content, stored, stored_crc, upload, "
                               "result FROM uploads WHERE created < ?1 ORDER BY created LIMIT ?2"));
  scan.Bind(1, unix_seconds)
      .Bind(2, static_cast<int64_t>(std::min<size_t>(limit, std::numeric_limits<int64_t>::max())));
  std::vector<UploadRow> rows;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, scan.Step());
    if (!more) return rows;
    ASSIGN_OR_RETURN(UploadRow row, ReadUpload(scan));
    rows.push_back(std::move(row));
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
  ASSIGN_OR_RETURN(SqliteQuery put,
                   db_.Prepare("UPDATE counters SET value = ?1 WHERE name = 'generation'"));
  RETURN_IF_ERROR(put.Bind(1, last_generation_).Run());
  generation_changed_ = false;
  return OkStatus();
}

}  // namespace hodei::store
