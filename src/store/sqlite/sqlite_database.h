// A thin, checked face of SQLite: one connection and its prepared statements, with errors as Status
// that say what to do. One thread at a time.
//
//   ASSIGN_OR_RETURN(BorrowedStatement find, database->Borrow("SELECT b FROM t WHERE a = ?1"));
//   find->BindInt(1, a);
//   ASSIGN_OR_RETURN(const bool found, find->Step());
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hodei::store {

class SqliteDatabase;

// Status::reason() of errors after which something else is to be done than saying so.
inline constexpr char kDiskFullReason[] = "diskFull";
inline constexpr char kDiskFailedReason[] = "diskFailed";

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
  SqliteStatement& BindInt(int index, int64_t value);
  SqliteStatement& BindText(int index, std::string_view text);
  SqliteStatement& BindBlob(int index, std::string_view bytes);
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

// A statement in use, reset at the end however the function that uses it ends. Not owned.
class BorrowedStatement {
 public:
  explicit BorrowedStatement(SqliteStatement* statement) : statement_(statement) {}
  BorrowedStatement(BorrowedStatement&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)) {}
  BorrowedStatement& operator=(BorrowedStatement&&) = delete;
  ~BorrowedStatement() {
    if (statement_ != nullptr) statement_->Reset();
  }
  SqliteStatement* operator->() const { return statement_; }
  SqliteStatement& operator*() const { return *statement_; }

 private:
  SqliteStatement* statement_;
};

class SqliteDatabase {
 public:
  // kReader and kWriter need a file that is there; kMaker makes it.
  enum class Mode { kReader, kWriter, kMaker };
  // A lock held by another program is waited for at most `busy_wait`. The log of WAL mode stays
  // when the last connection closes, so that a log that is missing means damage.
  static Result<std::unique_ptr<SqliteDatabase>> Open(const std::string& path, Mode mode,
                                                      std::chrono::milliseconds busy_wait);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // `sql` is ours, a constant; values are bound.
  Result<std::unique_ptr<SqliteStatement>> Prepare(const char* sql);
  // The same, prepared at the first call and kept: `sql` must be a literal, its address is the key.
  // Not while an earlier loan of the same literal lives.
  Result<BorrowedStatement> Borrow(const char* sql);
  // Statements without parameters, run to their end.
  Status Execute(const char* sql);
  // The first column of the first row; NOT_FOUND without one.
  Result<std::string> QueryText(const char* sql);
  Result<int64_t> QueryInt(const char* sql);
  int64_t last_insert_id() const;
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
  std::map<const char*, std::unique_ptr<SqliteStatement>> kept_;
};

}  // namespace hodei::store
