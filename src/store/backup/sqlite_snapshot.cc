#include "store/backup/sqlite_snapshot.h"

#include <fmt/format.h>
#include <sqlite3.h>

namespace hodei::store {
namespace {

constexpr int kBusyMillis = 10'000;
// A piece of the copy between two looks at the world.
constexpr int kPagesPerStep = 4096;

struct Closer {
  void operator()(sqlite3* db) const { sqlite3_close(db); }
};
using Database = std::unique_ptr<sqlite3, Closer>;

Status Failure(sqlite3* db, const std::string& path) {
  const int code = sqlite3_errcode(db) & 0xff;
  const std::string text = fmt::format("'{}': {}", path, sqlite3_errmsg(db));
  if (code == SQLITE_FULL) return ResourceExhausted(text);
  if (code == SQLITE_BUSY || code == SQLITE_LOCKED) return Unavailable(text);
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) return DataLoss(text);
  return Internal(text);
}

Result<Database> Open(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(raw);
  if (result != SQLITE_OK) return Failure(db.get(), path);
  sqlite3_busy_timeout(db.get(), kBusyMillis);
  // The server finds its log after us as before us.
  int keep = 1;
  sqlite3_file_control(db.get(), nullptr, SQLITE_FCNTL_PERSIST_WAL, &keep);
  return db;
}

Status Run(sqlite3* db, const std::string& path, const char* sql) {
  return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK ? OkStatus()
                                                                       : Failure(db, path);
}

}  // namespace

Result<std::unique_ptr<SqliteSnapshot>> SqliteSnapshot::Take(
    const std::vector<std::string>& paths) {
  std::unique_ptr<SqliteSnapshot> snapshot(new SqliteSnapshot());
  std::vector<Database> pausers;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(Database pauser, Open(path, SQLITE_OPEN_READWRITE));
    ASSIGN_OR_RETURN(Database reader, Open(path, SQLITE_OPEN_READONLY));
    pausers.push_back(std::move(pauser));
    snapshot->readers_.push_back(reader.release());
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    RETURN_IF_ERROR(Run(pausers[i].get(), paths[i], "BEGIN IMMEDIATE"));
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    // A transaction sees the database from its first read on.
    RETURN_IF_ERROR(
        Run(snapshot->readers_[i], paths[i], "BEGIN; SELECT count(*) FROM sqlite_schema"));
  }
  for (size_t i = 0; i < paths.size(); ++i) {
    RETURN_IF_ERROR(Run(pausers[i].get(), paths[i], "ROLLBACK"));
  }
  return snapshot;
}

SqliteSnapshot::~SqliteSnapshot() {
  for (sqlite3* reader : readers_) sqlite3_close(reader);
}

Status SqliteSnapshot::CopyTo(size_t index, const std::string& path) const {
  ASSIGN_OR_RETURN(const Database target, Open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
  // The reader's open transaction is what is copied.
  sqlite3_backup* copy = sqlite3_backup_init(target.get(), "main", readers_.at(index), "main");
  if (copy == nullptr) return Failure(target.get(), path);
  int result = SQLITE_OK;
  while (result == SQLITE_OK) result = sqlite3_backup_step(copy, kPagesPerStep);
  sqlite3_backup_finish(copy);
  return result == SQLITE_DONE ? OkStatus() : Failure(target.get(), path);
}

Status CheckDatabase(const std::string& path) {
  ASSIGN_OR_RETURN(const Database db, Open(path, SQLITE_OPEN_READWRITE));
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(db.get(), "PRAGMA integrity_check(1)", -1, &statement, nullptr) !=
      SQLITE_OK) {
    return Failure(db.get(), path);
  }
  const bool row = sqlite3_step(statement) == SQLITE_ROW;
  const auto* text =
      row ? reinterpret_cast<const char*>(sqlite3_column_text(statement, 0)) : nullptr;
  const std::string answer = text == nullptr ? sqlite3_errmsg(db.get()) : text;
  sqlite3_finalize(statement);
  if (answer == "ok") return OkStatus();
  return DataLoss(fmt::format("'{}' is damaged ({}): restore it from a backup", path, answer));
}

}  // namespace hodei::store
