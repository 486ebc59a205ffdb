// A thin, checked face of the SQLite C interface: a connection and its prepared statements.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hodei::store {

class SqliteConnection;

// A prepared statement in use: bind, step, read columns. Resets itself when it dies.
class SqliteQuery {
 public:
  SqliteQuery(SqliteConnection* connection, sqlite3_stmt* statement)
      : connection_(connection), statement_(statement) {}
  SqliteQuery(SqliteQuery&& other) noexcept;
  SqliteQuery(const SqliteQuery&) = delete;
  SqliteQuery& operator=(const SqliteQuery&) = delete;
  ~SqliteQuery();

  // Positions count from 1, columns from 0. Bound blobs must stay until Reset() or destruction.
  SqliteQuery& Bind(int position, int64_t value);
  SqliteQuery& BindBlob(int position, std::string_view bytes);
  // True while there is a row.
  Result<bool> Step();
  // Steps a statement that gives no rows.
  Status Run();
  void Reset();
  int64_t Int(int column) const;
  // Valid until the next Step() or Reset().
  std::string_view Blob(int column) const;

 private:
  SqliteConnection* connection_;
  sqlite3_stmt* statement_;
};

// One connection. Not thread-safe.
class SqliteConnection {
 public:
  static Result<std::unique_ptr<SqliteConnection>> Open(const std::string& path, bool read_only);
  ~SqliteConnection();
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  // Statements without parameters, run to their end.
  Status Execute(const char* sql);
  // `sql` must be a literal: statements are kept by its address.
  Result<SqliteQuery> Prepare(const char* sql);
  Result<int64_t> QueryInt(const char* sql);
  int64_t last_insert_id() const;
  // False once SQLite has rolled the transaction back by itself, as after a full disk.
  bool in_transaction() const;
  // The last error of this connection: SQLITE_FULL → RESOURCE_EXHAUSTED, CORRUPT/NOTADB →
  // DATA_LOSS, BUSY/LOCKED → UNAVAILABLE, else INTERNAL.
  Status Error(int result_code) const;

 private:
  explicit SqliteConnection(sqlite3* db) : db_(db) {}
  sqlite3* db_;
  std::map<const char*, sqlite3_stmt*> statements_;
};

}  // namespace hodei::store
