// The index's transactions over SQLite in WAL mode: one writer thread that commits together
// everything that queued up while the last commit was on its way to disk, and a pool of read
// connections that never wait for it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "store/object/index.h"
#include "store/sqlite/sqlite_database.h"

namespace hodei::store {

// A connection to an index; it waits ten seconds for others' locks.
Result<std::unique_ptr<SqliteDatabase>> OpenDatabase(const std::string& path,
                                                     SqliteDatabase::Mode mode);

// `before_commit` runs on the writer thread once per batch, before the index commit: what the rows
// refer to must be durable first. Its error fails the batch. Beside the index lies a reserve of
// disk space: on a full disk it is given up, and writes that free something are still taken.
Result<std::unique_ptr<IndexDatabase>> OpenSqliteDatabase(const std::string& path,
                                                          std::function<Status()> before_commit);

// The committed rows of an index that another process may have open. Write() is refused.
Result<std::unique_ptr<IndexDatabase>> OpenReadOnlySqliteDatabase(const std::string& path);

}  // namespace hodei::store
