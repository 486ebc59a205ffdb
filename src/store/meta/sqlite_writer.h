// The one thread that writes to the SQLite store. Commits that arrive while a disk sync runs wait
// in a queue, and the next transaction takes them all: they share its sync.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/status.h"
#include "store/sqlite/disk_reserve.h"
#include "store/meta/meta_store.h"
#include "store/meta/recent_records.h"
#include "store/meta/sqlite_meta_store.h"
#include "store/meta/watch_list.h"
#include "store/sqlite/sqlite_database.h"

namespace hodei::store {

class SqliteWriter {
 public:
  // `watches` and `recent` must outlive the writer.
  static Result<std::unique_ptr<SqliteWriter>> Start(const SqliteMetaStoreOptions& options,
                                                     std::unique_ptr<SqliteDatabase> database,
                                                     WatchList* watches, RecentRecords* recent);
  ~SqliteWriter();
  // Finishes what is queued, then moves the log into the database; OK when the log is empty now.
  // No Commit() may follow.
  Status Stop();
  // Thread-safe; see MetaStore::Commit().
  Result<std::vector<int64_t>> Commit(const std::vector<Write>& writes);

 private:
  // A caller that waits in Commit().
  struct Pending {
    const std::vector<Write>* writes;
    Result<std::vector<int64_t>> outcome = Internal("commit not tried");
    std::mutex mutex;
    std::condition_variable decided;
    bool done = false;  // guarded by mutex
  };

  SqliteWriter(const SqliteMetaStoreOptions& options, std::unique_ptr<SqliteDatabase> database,
               WatchList* watches, RecentRecords* recent)
      : options_(options),
        watches_(watches),
        recent_(recent),
        database_(std::move(database)),
        reserve_(options.path + ".reserve", options.reserve_bytes) {}
  Status Prepare();
  void Run();
  void CommitBatch(const std::vector<Pending*>& batch);
  Status HoldReserve();
  // One transaction around the batch, and what follows from its failure.
  Status TryBatch(const std::vector<Pending*>& batch);
  // On a full disk: the commits of `batch` that only change what is there, in the reserve's space.
  Status SpendReserve(const std::vector<Pending*>& batch, const Status& full);
  // After a failed disk nothing is tried any more.
  void Degrade(const Status& status);
  // One transaction around the batch; an error means that nothing of it happened.
  Status RunTransaction(const std::vector<Pending*>& batch);
  // Sets `pending`'s outcome. An error return is the database's, not the caller's fault.
  Status ApplyOne(Pending* pending);
  Result<int64_t> ApplyWrite(const Write& write);

  const SqliteMetaStoreOptions options_;
  WatchList* const watches_;
  RecentRecords* const recent_;
  // What follows but the queue belongs to thread_.
  std::unique_ptr<SqliteDatabase> database_;
  std::unique_ptr<SqliteStatement> begin_, commit_, rollback_, savepoint_, release_, undo_;
  std::unique_ptr<SqliteStatement> find_, insert_, update_, delete_, set_counter_;
  int64_t last_revision_ = 0;
  DiskReserve reserve_;
  Status degraded_;  // why nothing is written any more; OK while it is

  std::mutex mutex_;
  std::condition_variable queued_;
  std::vector<Pending*> queue_;  // guarded by mutex_
  bool stopping_ = false;        // guarded by mutex_
  std::thread thread_;
};

}  // namespace hodei::store
