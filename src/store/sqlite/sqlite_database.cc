#include "store/sqlite/sqlite_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>

namespace hodei::store {
namespace {

Status DiskFull(const std::string& path) {
  return ResourceExhausted(
             fmt::format("no space left for the database '{}'; free disk space, no restart is "
                         "needed",
                         path))
      .WithReason(kDiskFullReason);
}

}  // namespace

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

SqliteStatement& SqliteStatement::BindInt(int index, int64_t value) {
  sqlite3_bind_int64(statement_, index, value);
  return *this;
}

SqliteStatement& SqliteStatement::BindText(int index, std::string_view text) {
  sqlite3_bind_text64(statement_, index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

SqliteStatement& SqliteStatement::BindBlob(int index, std::string_view bytes) {
  // A null pointer would bind NULL instead of the empty blob.
  const char* start = bytes.data() == nullptr ? "" : bytes.data();
  sqlite3_bind_blob64(statement_, index, start, bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> SqliteStatement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->Error(code);
}

Status SqliteStatement::Run() {
  const Result<bool> stepped = Step();
  Reset();
  return stepped.status();
}

int64_t SqliteStatement::ColumnInt(int index) const {
  return sqlite3_column_int64(statement_, index);
}

std::string_view SqliteStatement::ColumnBytes(int index) const {
  const void* bytes = sqlite3_column_blob(statement_, index);
  const int size = sqlite3_column_bytes(statement_, index);
  return bytes == nullptr
             ? std::string_view()
             : std::string_view(static_cast<const char*>(bytes), static_cast<size_t>(size));
}

void SqliteStatement::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(const std::string& path, Mode mode,
                                                             std::chrono::milliseconds busy_wait) {
  sqlite3* handle = nullptr;
  const int access = mode == Mode::kReader   ? SQLITE_OPEN_READONLY
                     : mode == Mode::kWriter ? SQLITE_OPEN_READWRITE
                                             : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &handle, access | SQLITE_OPEN_NOMUTEX, nullptr);
  if (handle == nullptr) return ResourceExhausted(fmt::format("no memory to open '{}'", path));
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path, handle));
  if (code != SQLITE_OK) return database->Error(code);
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, static_cast<int>(busy_wait.count()));
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  kept_.clear();
  sqlite3_close_v2(handle_);
}

Result<std::unique_ptr<SqliteStatement>> SqliteDatabase::Prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Error(code);
  return std::make_unique<SqliteStatement>(this, statement);
}

Result<BorrowedStatement> SqliteDatabase::Borrow(const char* sql) {
  std::unique_ptr<SqliteStatement>& kept = kept_[sql];
  if (kept == nullptr) {
    ASSIGN_OR_RETURN(kept, Prepare(sql));
  }
  return BorrowedStatement(kept.get());
}

Status SqliteDatabase::Execute(const char* sql) {
  const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? OkStatus() : Error(code);
}

Result<std::string> SqliteDatabase::QueryText(const char* sql) {
  ASSIGN_OR_RETURN(auto statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement->Step());
  if (!row) return NotFound("no row");
  return std::string(statement->ColumnBytes(0));
}

Result<int64_t> SqliteDatabase::QueryInt(const char* sql) {
  ASSIGN_OR_RETURN(auto statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement->Step());
  if (!row) return NotFound("no row");
  return statement->ColumnInt(0);
}

int64_t SqliteDatabase::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }

bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

Status SqliteDatabase::Error(int result_code) const {
  const int system_errno = sqlite3_system_errno(handle_);
  const std::string detail = fmt::format("{} ({})", sqlite3_errmsg(handle_), result_code);
  switch (result_code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable(fmt::format(
          "the database '{}' is locked by another program; close it and try again", path_));
    case SQLITE_FULL:
      return DiskFull(path_);
    case SQLITE_NOMEM:
      return ResourceExhausted(fmt::format("no memory for the database '{}'", path_));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return DataLoss(
          fmt::format("the database '{}' is damaged: {}; stop the server and restore "
                      "the data folder from a backup",
                      path_, detail));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
    case SQLITE_AUTH:
      return FailedPrecondition(fmt::format(
          "the database '{}' cannot be opened for writing: {}; check its owner and mode", path_,
          detail));
    case SQLITE_IOERR:
      if (system_errno == ENOSPC || system_errno == EDQUOT) {
        return DiskFull(path_);
      }
      return Unavailable(fmt::format("the disk failed under the database '{}': {}, errno {}", path_,
                                     detail, system_errno))
          .WithReason(kDiskFailedReason);
    default:
      return Internal(fmt::format("database '{}': {}", path_, detail));
  }
}

}  // namespace hodei::store
