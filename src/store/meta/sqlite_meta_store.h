// The knobs of the SQLite store, for tests; servers call OpenSqliteMetaStore(path).
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/status.h"
#include "store/meta/meta_store.h"

namespace hodei::store {

struct SqliteMetaStoreOptions {
  // The database; "-wal", "-shm" and ".lock" are put beside it.
  std::string path;
  // How long a lock that another program holds is waited for, before UNAVAILABLE (fault F12).
  std::chrono::milliseconds busy_wait{5000};
  // Reader connections at most; a further reader waits for one.
  size_t reader_limit = 64;
  // Commits that wait for the writer at most; a further one is RESOURCE_EXHAUSTED.
  size_t queue_limit = 4096;
};

Result<std::unique_ptr<MetaStore>> OpenSqliteMetaStore(const SqliteMetaStoreOptions& options);

}  // namespace hodei::store
