// One SQLite connection and its prepared statements, with errors as Status. One thread at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hodei::store {

class SqliteDatabase;

// A prepared statement: bind, step until it says false, reset. Must die before its database.
class SqliteStatement {
 public:
  SqliteStatement(SqliteDatabase* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}
  ~SqliteStatement();
  SqliteStatement(const SqliteStatement&) = delete;
  SqliteStatement& operator=(const SqliteStatement&) = delete;

  // Parameters count from 1. The bytes must live until Reset(). Binding fails only without memory,
  // which the next Step() reports.
  void BindInt(int index, int64_t value);
  void BindText(int index, std::string_view text);
  void BindBlob(int index, std::string_view bytes);
  // True: a row is there. False: done.
  Result<bool> Step();
  // Steps through and resets, for statements without rows.
  Status Run();
  int64_t ColumnInt(int index) const;
  std::string_view ColumnBytes(int index) const;  // valid until the next Step() or Reset()
  void Reset();

 private:
  SqliteDatabase* const database_;
  sqlite3_stmt* const statement_;
};

class SqliteDatabase {
 public:
  enum class Mode { kReader, kWriter };
  // `path` must exist. A lock held by another program is waited for at most `busy_wait`.
  static Result<std::unique_ptr<SqliteDatabase>> Open(const std::string& path, Mode mode,
                                                      std::chrono::milliseconds busy_wait);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // `sql` is ours, a constant; values are bound.
  Result<std::unique_ptr<SqliteStatement>> Prepare(const char* sql);
  Status Execute(const char* sql);
  // The first column of the first row.
  Result<std::string> QueryText(const char* sql);
  // Whether a transaction is open: some errors of SQLite end it on their own.
  bool in_transaction() const;
  // A result code of SQLite as a Status that says what to do about it: a full disk is
  // RESOURCE_EXHAUSTED, a lock UNAVAILABLE, damage DATA_LOSS.
  Status Error(int result_code) const;

 private:
  friend class SqliteStatement;
  SqliteDatabase(std::string path, sqlite3* handle) : path_(std::move(path)), handle_(handle) {}
  const std::string path_;
  sqlite3* const handle_;
};

}  // namespace hodei::store
