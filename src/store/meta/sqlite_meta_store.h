// The knobs of the SQLite store, for tests; servers call OpenSqliteMetaStore(path).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
  // Held in PATH.reserve, so that on a full disk the changes of what is there already still find
  // room; new records are refused meanwhile (fault F10).
  int64_t reserve_bytes = 4 << 20;
  // Called once, from the writer's thread, when the disk failed under a commit (fault F9). From
  // then on nothing is written until the store is opened anew: what the kernel has of the files is
  // not to be trusted, and a second fsync would say that all is well. May be empty.
  std::function<void(const Status&)> on_degraded;
};

Result<std::unique_ptr<MetaStore>> OpenSqliteMetaStore(const SqliteMetaStoreOptions& options);

}  // namespace hodei::store
