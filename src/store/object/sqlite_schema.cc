// The tables of the index, one step per schema version.
#include <fmt/format.h>

#include "base/random_id.h"
#include "store/object/content_digest.h"
#include "store/object/sqlite_index.h"

namespace hodei::store {
namespace {

constexpr char kVersion1[] = R"sql(
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

// Contents by digest, live bytes per segment, soft deletion, holds, multipart uploads.
constexpr char kVersion2[] = R"sql(
  CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
  ALTER TABLE contents ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
  CREATE INDEX contents_by_digest ON contents (digest) WHERE digest != x'';
  CREATE TABLE segments (id INTEGER PRIMARY KEY, live INTEGER NOT NULL);
  INSERT INTO segments
    SELECT segment, sum(size) FROM contents WHERE segment > 0 GROUP BY segment;
  CREATE TABLE soft_deleted (
    bucket INTEGER NOT NULL, name BLOB NOT NULL, generation INTEGER NOT NULL,
    content INTEGER NOT NULL, object BLOB NOT NULL, due INTEGER NOT NULL,
    PRIMARY KEY (bucket, name, generation)) WITHOUT ROWID;
  CREATE INDEX soft_deleted_by_due ON soft_deleted (due);
  CREATE TABLE holds (
    holder BLOB NOT NULL, bucket BLOB NOT NULL, name BLOB NOT NULL, generation INTEGER NOT NULL,
    content INTEGER NOT NULL, object BLOB NOT NULL,
    PRIMARY KEY (holder, bucket, name, generation)) WITHOUT ROWID;
  CREATE TABLE multiparts (
    bucket INTEGER NOT NULL, name BLOB NOT NULL, id BLOB NOT NULL, created INTEGER NOT NULL,
    finished INTEGER NOT NULL, upload BLOB NOT NULL, result BLOB NOT NULL,
    PRIMARY KEY (bucket, name, id)) WITHOUT ROWID;
  CREATE INDEX multiparts_by_age ON multiparts (created);
  CREATE INDEX multiparts_open ON multiparts (created) WHERE finished = 0;
  CREATE TABLE parts (
    upload BLOB NOT NULL, number INTEGER NOT NULL, content INTEGER NOT NULL,
    size INTEGER NOT NULL, crc32c INTEGER NOT NULL, md5 BLOB NOT NULL, created INTEGER NOT NULL,
    PRIMARY KEY (upload, number)) WITHOUT ROWID;
  CREATE INDEX uploads_open ON uploads (created) WHERE state = 0;
  PRAGMA user_version = 2;
)sql";

constexpr const char* kSteps[] = {kVersion1, kVersion2};
static_assert(SqliteIndex::kSchemaVersion == std::size(kSteps));

Status StepUp(SqliteDatabase* connection, int64_t from) {
  for (int64_t version = from; version < SqliteIndex::kSchemaVersion; ++version) {
    RETURN_IF_ERROR(connection->Execute(kSteps[version]));
  }
  if (from >= 2) return OkStatus();
  ASSIGN_OR_RETURN(
      BorrowedStatement put,
      connection->Borrow("INSERT INTO settings (name, value) VALUES ('content-key', ?1)"));
  const std::string key = RandomBytes(kContentKeyBytes);
  return put->BindBlob(1, key).Run();
}

}  // namespace

Status SqliteIndex::Migrate(SqliteDatabase* connection) {
  ASSIGN_OR_RETURN(const int64_t version, connection->QueryInt("PRAGMA user_version"));
  if (version > kSchemaVersion) {
    return FailedPrecondition(fmt::format(
        "the object index has schema {}, this program knows {}: start the newer program, or "
        "restore a backup made by this one",
        version, kSchemaVersion));
  }
  if (version == kSchemaVersion) return OkStatus();
  RETURN_IF_ERROR(connection->Execute("BEGIN EXCLUSIVE"));
  const Status status = StepUp(connection, version);
  if (!status.ok()) {
    (void)connection->Execute("ROLLBACK");
    return Annotate(status, "create tables");
  }
  return connection->Execute("COMMIT");
}

}  // namespace hodei::store
