#include "store/meta/sqlite_schema.h"

#include <fmt/format.h>

#include <array>

namespace hodei::store {
namespace {

// Append only: a migration that was released is never edited.
constexpr std::array kMigrations = {
    // create_order is the rowid: an index on kind alone then lists a kind in order of creation.
    // crc32c covers name and value, since SQLite itself does not notice a flipped bit in a value.
    R"(
    CREATE TABLE records (
      create_order INTEGER PRIMARY KEY,
      kind TEXT NOT NULL,
      name BLOB NOT NULL,
      revision INTEGER NOT NULL,
      crc32c INTEGER NOT NULL,
      value BLOB NOT NULL
    );
    CREATE UNIQUE INDEX records_by_name ON records (kind, name);
    CREATE INDEX records_by_creation ON records (kind);
    CREATE TABLE counter (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      last_revision INTEGER NOT NULL
    );
    INSERT INTO counter VALUES (1, 0);
    )",
};

Result<int64_t> AppliedVersion(SqliteDatabase* database) {
  ASSIGN_OR_RETURN(auto statement,
                   database->Prepare("SELECT COALESCE(MAX(version), 0) FROM schema_migrations"));
  RETURN_IF_ERROR(statement->Step().status());
  return statement->ColumnInt(0);
}

Status ApplyMigration(SqliteDatabase* database, int version) {
  RETURN_IF_ERROR(database->Execute("BEGIN IMMEDIATE"));
  Status status = database->Execute(kMigrations[static_cast<size_t>(version - 1)]);
  if (status.ok()) {
    auto record = database->Prepare(
        "INSERT INTO schema_migrations VALUES (?1, strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))");
    status = record.status();
    if (status.ok()) {
      (*record)->BindInt(1, version);
      status = (*record)->Run();
    }
  }
  if (status.ok()) status = database->Execute("COMMIT");
  if (!status.ok() && database->in_transaction()) (void)database->Execute("ROLLBACK");
  return status;
}

Status CheckSchemaVersion(SqliteDatabase* database, const std::string& path) {
  ASSIGN_OR_RETURN(const int64_t applied, AppliedVersion(database));
  if (applied <= SchemaVersion()) return OkStatus();
  return FailedPrecondition(fmt::format(
      "the database '{}' was written by a newer Hodei (schema {}, this program knows {}); start "
      "that version, or restore a backup that this one made",
      path, applied, SchemaVersion()));
}

}  // namespace

int SchemaVersion() { return static_cast<int>(kMigrations.size()); }

Status MigrateSchema(SqliteDatabase* database, const std::string& path) {
  RETURN_IF_ERROR(
      database->Execute("CREATE TABLE IF NOT EXISTS schema_migrations ("
                        "version INTEGER PRIMARY KEY, applied TEXT NOT NULL)"));
  RETURN_IF_ERROR(CheckSchemaVersion(database, path));
  ASSIGN_OR_RETURN(const int64_t applied, AppliedVersion(database));
  for (int version = static_cast<int>(applied) + 1; version <= SchemaVersion(); ++version) {
    RETURN_IF_ERROR_CTX(ApplyMigration(database, version),
                        fmt::format("migrate '{}' to schema {}", path, version));
  }
  return OkStatus();
}

}  // namespace hodei::store
