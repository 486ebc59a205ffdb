#include "store/object/sqlite.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace hodei::store {

SqliteQuery::SqliteQuery(SqliteQuery&& other) noexcept
    : connection_(other.connection_), statement_(std::exchange(other.statement_, nullptr)) {}

SqliteQuery::~SqliteQuery() {
  if (statement_ != nullptr) Reset();
}

SqliteQuery& SqliteQuery::Bind(int position, int64_t value) {
  sqlite3_bind_int64(statement_, position, value);
  return *this;
}

SqliteQuery& SqliteQuery::BindBlob(int position, std::string_view bytes) {
  // A null pointer would bind NULL instead of the empty blob.
  const char* data = bytes.data() == nullptr ? "" : bytes.data();
  sqlite3_bind_blob64(statement_, position, data, bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> SqliteQuery::Step() {
  const int result = sqlite3_step(statement_);
  if (result == SQLITE_ROW) return true;
  if (result == SQLITE_DONE) return false;
  return connection_->Error(result);
}

Status SqliteQuery::Run() {
  const Result<bool> row = Step();
  Reset();
  return row.status();
}

void SqliteQuery::Reset() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

int64_t SqliteQuery::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string_view SqliteQuery::Blob(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? std::string_view() : std::string_view(data, static_cast<size_t>(size));
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::Open(const std::string& path,
                                                                 bool read_only) {
  sqlite3* db = nullptr;
  const int flags =
      (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
      SQLITE_OPEN_NOMUTEX;
  const int result = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(db));
  if (result != SQLITE_OK)
    return Annotate(connection->Error(result), fmt::format("open '{}'", path));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, 10'000);
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(db_);
}

Status SqliteConnection::Execute(const char* sql) {
  const int result = sqlite3_exec(db_, sql, nullptr, nullptr, nullptr);
  return result == SQLITE_OK ? OkStatus() : Error(result);
}

Result<SqliteQuery> SqliteConnection::Prepare(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int result =
        sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (result != SQLITE_OK) return Error(result);
  }
  return SqliteQuery(this, statement);
}

Result<int64_t> SqliteConnection::QueryInt(const char* sql) {
  ASSIGN_OR_RETURN(SqliteQuery statement, Prepare(sql));
  ASSIGN_OR_RETURN(const bool row, statement.Step());
  return row ? statement.Int(0) : 0;
}

int64_t SqliteConnection::last_insert_id() const { return sqlite3_last_insert_rowid(db_); }

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

Status SqliteConnection::Error(int result_code) const {
  const std::string message =
      fmt::format("object index: {}", db_ == nullptr ? "no memory" : sqlite3_errmsg(db_));
  switch (result_code & 0xff) {
    case SQLITE_FULL:
      return ResourceExhausted(message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return DataLoss(message);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Unavailable(message);
    default:
      return Internal(fmt::format("{} ({})", message, result_code));
  }
}

}  // namespace hodei::store
