// The index's transactions over SQLite in WAL mode: one writer thread that commits together
// everything that queued up while the last commit was on its way to disk, and a pool of read
// connections that never wait for it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "store/object/index.h"

namespace hodei::store {

// `before_commit` runs on the writer thread once per batch, before the index commit: what the rows
// refer to must be durable first. Its error fails the batch.
Result<std::unique_ptr<IndexDatabase>> OpenSqliteDatabase(const std::string& path,
                                                          std::function<Status()> before_commit);

// The committed rows of an index that another process may have open. Write() is refused.
Result<std::unique_ptr<IndexDatabase>> OpenReadOnlySqliteDatabase(const std::string& path);

}  // namespace hodei::store
