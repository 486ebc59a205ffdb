// Reads of the SQLite store: a connection with its prepared statements, and the pool that lends
// them, so that no two threads share one.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/meta/meta_store.h"
#include "store/meta/sqlite_meta_store.h"
#include "store/sqlite/sqlite_database.h"

namespace hodei::store {

// What a record's checksum covers.
uint32_t RecordCrc(std::string_view name, std::string_view value);

class SqliteReader {
 public:
  static Result<std::unique_ptr<SqliteReader>> Open(const SqliteMetaStoreOptions& options);
  Result<Record> Get(std::string_view kind, std::string_view name);
  Result<ListPage> List(std::string_view kind, const ListOptions& options);

 private:
  SqliteReader() = default;
  Result<ListPage> Collect(SqliteStatement* statement, std::string_view kind, bool newest_first,
                           size_t limit);
  std::string path_;
  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<SqliteStatement> get_;
  // With and without an upper bound of the name.
  std::unique_ptr<SqliteStatement> by_name_, by_name_open_, by_creation_, by_creation_open_;
};

class SqliteReaderPool {
 public:
  explicit SqliteReaderPool(SqliteMetaStoreOptions options) : options_(std::move(options)) {}

  // A borrowed reader; goes back when it dies.
  class Lease {
   public:
    Lease(SqliteReaderPool* pool, std::unique_ptr<SqliteReader> reader)
        : pool_(pool), reader_(std::move(reader)) {}
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease() {
      if (reader_ != nullptr) pool_->Return(std::move(reader_));
    }
    SqliteReader* operator->() const { return reader_.get(); }

   private:
    SqliteReaderPool* pool_;
    std::unique_ptr<SqliteReader> reader_;
  };
  Result<Lease> Borrow();

 private:
  void Return(std::unique_ptr<SqliteReader> reader);
  const SqliteMetaStoreOptions options_;
  std::mutex mutex_;
  std::condition_variable returned_;
  // The last one used first: its page cache is warm. Guarded by mutex_.
  std::vector<std::unique_ptr<SqliteReader>> idle_;
  size_t open_ = 0;  // guarded by mutex_
};

}  // namespace hodei::store
