#include "store/object/sqlite_database.h"

#include <fmt/format.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "store/object/sqlite_index.h"
#include "store/sqlite/disk_reserve.h"
#include "store/sqlite/sqlite_database.h"

namespace hodei::store {
namespace {

// A batch is what fits into one commit; more wait for the next.
constexpr size_t kBatchLimit = 1024;
// Idle read connections kept open.
constexpr size_t kIdleReaderLimit = 32;
constexpr std::chrono::seconds kBusyWait{10};
constexpr int64_t kReserveBytes = 4 << 20;

bool IsDiskFull(const Status& status) { return status.code() == Code::kResourceExhausted; }

struct Reader {
  std::unique_ptr<SqliteDatabase> connection;
  std::unique_ptr<SqliteIndex> index;
};

// One caller's write, waiting for its commit. Lives on the caller's stack.
struct PendingWrite {
  const std::function<Status(Index&)>* write;
  WriteKind kind;
  Status status;
  bool done = false;
};

// Read connections, kept open for the next reader. Thread-safe.
class ReaderPool {
 public:
  explicit ReaderPool(std::string path) : path_(std::move(path)) {}

  Status Read(const std::function<Status(Index&)>& read) {
    ASSIGN_OR_RETURN(Reader reader, Take());
    // One snapshot for all statements of `read`.
    RETURN_IF_ERROR(reader.connection->Execute("BEGIN"));
    Status status = read(*reader.index);
    const Status end = reader.connection->Execute("COMMIT");
    if (!end.ok()) return status.ok() ? end : status;  // the connection is dropped
    Return(std::move(reader));
    return status;
  }
  void Clear() {
    std::lock_guard lock(mutex_);
    idle_.clear();
  }

 private:
  Result<Reader> Take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Reader reader = std::move(idle_.back());
        idle_.pop_back();
        return reader;
      }
    }
    Reader reader;
    ASSIGN_OR_RETURN(reader.connection, OpenDatabase(path_, SqliteDatabase::Mode::kReader));
    RETURN_IF_ERROR(reader.connection->Execute("PRAGMA cache_size = -4096; PRAGMA mmap_size = 0"));
    reader.index = std::make_unique<SqliteIndex>(reader.connection.get());
    return reader;
  }

  void Return(Reader reader) {
    std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleReaderLimit) idle_.push_back(std::move(reader));
  }

  const std::string path_;
  std::mutex mutex_;
  std::vector<Reader> idle_;  // guarded by mutex_
};

class ReadOnlyDatabase : public IndexDatabase {
 public:
  explicit ReadOnlyDatabase(const std::string& path) : readers_(path) {}
  Status Read(const std::function<Status(Index&)>& read) override { return readers_.Read(read); }
  Status Write(const std::function<Status(Index&)>&, WriteKind) override {
    return FailedPrecondition("the object index is open for reading only");
  }

 private:
  ReaderPool readers_;
};

class WritableDatabase : public IndexDatabase {
 public:
  WritableDatabase(const std::string& path, std::unique_ptr<SqliteDatabase> connection,
                   std::function<Status()> before_commit)
      : readers_(path),
        connection_(std::move(connection)),
        reserve_(path + ".reserve", kReserveBytes),
        index_(connection_.get()),
        before_commit_(std::move(before_commit)),
        writer_([this](const std::stop_token& stop) { WriterLoop(stop); }) {}

  ~WritableDatabase() override {
    writer_.request_stop();
    wake_.notify_all();
    writer_.join();
    readers_.Clear();
    // So that the next start has little to read.
    (void)connection_->Execute("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  Status Read(const std::function<Status(Index&)>& read) override { return readers_.Read(read); }

  Status Write(const std::function<Status(Index&)>& write, WriteKind kind) override {
    PendingWrite pending{&write, kind, {}, false};
    std::unique_lock lock(mutex_);
    queue_.push_back(&pending);
    wake_.notify_one();
    done_.wait(lock, [&] { return pending.done; });
    return pending.status;
  }

 private:
  void WriterLoop(const std::stop_token& stop) {
    std::vector<PendingWrite*> batch;
    while (true) {
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, stop, [&] { return !queue_.empty(); });
        if (queue_.empty()) return;
        while (!queue_.empty() && batch.size() < kBatchLimit) {
          batch.push_back(queue_.front());
          queue_.pop_front();
        }
      }
      CommitBatch(batch);
      {
        std::lock_guard lock(mutex_);
        for (PendingWrite* pending : batch) pending->done = true;
      }
      done_.notify_all();
      batch.clear();
    }
  }

  void CommitBatch(const std::vector<PendingWrite*>& batch) {
    // Without its reserve the disk is as good as full.
    Status status = reserve_.Hold();
    if (status.ok()) status = TryBatch(batch);
    std::vector<PendingWrite*> lost = batch;
    if (IsDiskFull(status)) {
      lost = SpendReserve(batch);
    } else if (status.ok()) {
      lost.clear();
    }
    // Nothing of these happened, and nobody was told otherwise.
    for (PendingWrite* pending : lost) {
      if (pending->status.ok()) pending->status = Annotate(status, "commit to the object index");
    }
  }

  // What frees something is taken on a full disk too: it is the way out. Returns what was not.
  std::vector<PendingWrite*> SpendReserve(const std::vector<PendingWrite*>& batch) {
    std::vector<PendingWrite*> freeing;
    std::vector<PendingWrite*> others;
    for (PendingWrite* pending : batch) {
      (pending->kind == WriteKind::kFrees ? freeing : others).push_back(pending);
    }
    if (freeing.empty()) return batch;
    reserve_.Release();
    return TryBatch(freeing).ok() ? others : batch;
  }

  Status TryBatch(const std::vector<PendingWrite*>& batch) {
    Status status = connection_->Execute("BEGIN IMMEDIATE");
    if (status.ok()) {
      for (PendingWrite* pending : batch) {
        status = RunOne(pending);
        if (!status.ok()) break;
      }
    }
    if (status.ok()) status = HODEI_FAILPOINT_STATUS("object.batch.before_sync");
    if (status.ok()) status = before_commit_();
    if (status.ok()) status = index_.FlushGeneration();
    if (status.ok()) status = HODEI_FAILPOINT_STATUS("object.batch.before_commit");
    if (status.ok()) status = connection_->Execute("COMMIT");
    if (status.ok()) {
      HODEI_FAILPOINT("object.batch.committed");
      return status;
    }
    if (connection_->in_transaction()) (void)connection_->Execute("ROLLBACK");
    index_.ForgetGeneration();
    return status;
  }

  // An error only when the whole batch is lost; the write's own error is in pending->status.
  Status RunOne(PendingWrite* pending) {
    RETURN_IF_ERROR(connection_->Execute("SAVEPOINT one"));
    pending->status = (*pending->write)(index_);
    if (pending->status.reason() == kDiskFullReason) return pending->status;
    if (!connection_->in_transaction()) {
      return pending->status.ok() ? Internal("the transaction ended early") : pending->status;
    }
    if (!pending->status.ok()) RETURN_IF_ERROR(connection_->Execute("ROLLBACK TO one"));
    return connection_->Execute("RELEASE one");
  }

  ReaderPool readers_;
  // The writer thread's.
  std::unique_ptr<SqliteDatabase> connection_;
  DiskReserve reserve_;
  SqliteIndex index_;
  const std::function<Status()> before_commit_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::condition_variable done_;
  std::deque<PendingWrite*> queue_;  // guarded by mutex_

  std::jthread writer_;
};

Status CheckIntegrity(SqliteDatabase* connection, const std::string& path) {
  ASSIGN_OR_RETURN(BorrowedStatement check, connection->Borrow("PRAGMA quick_check(1)"));
  ASSIGN_OR_RETURN(const bool row, check->Step());
  if (row && check->ColumnBytes(0) == "ok") return OkStatus();
  return DataLoss(fmt::format("'{}' is damaged ({}): restore it from a backup", path,
                              row ? check->ColumnBytes(0) : "no answer"));
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> OpenDatabase(const std::string& path,
                                                     SqliteDatabase::Mode mode) {
  return SqliteDatabase::Open(path, mode, kBusyWait);
}

Result<std::unique_ptr<IndexDatabase>> OpenSqliteDatabase(const std::string& path,
                                                          std::function<Status()> before_commit) {
  ASSIGN_OR_RETURN(std::unique_ptr<SqliteDatabase> connection,
                   OpenDatabase(path, SqliteDatabase::Mode::kMaker));
  RETURN_IF_ERROR_CTX(connection->Execute("PRAGMA journal_mode = WAL;"
                                          "PRAGMA synchronous = FULL;"
                                          "PRAGMA wal_autocheckpoint = 4000;"
                                          "PRAGMA journal_size_limit = 67108864;"
                                          "PRAGMA cache_size = -16384;"
                                          "PRAGMA temp_store = MEMORY"),
                      fmt::format("'{}'", path));
  RETURN_IF_ERROR(SqliteIndex::Migrate(connection.get()));
  // Reading all of a large index at every start would take minutes; fsck does that.
  constexpr int64_t kQuickCheckPages = 16'384;
  ASSIGN_OR_RETURN(const int64_t pages, connection->QueryInt("PRAGMA page_count"));
  if (pages <= kQuickCheckPages) RETURN_IF_ERROR(CheckIntegrity(connection.get(), path));
  return std::unique_ptr<IndexDatabase>(
      new WritableDatabase(path, std::move(connection), std::move(before_commit)));
}

Result<std::unique_ptr<IndexDatabase>> OpenReadOnlySqliteDatabase(const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteDatabase> connection,
                   OpenDatabase(path, SqliteDatabase::Mode::kReader));
  ASSIGN_OR_RETURN(const int64_t version, connection->QueryInt("PRAGMA user_version"));
  if (version != SqliteIndex::kSchemaVersion) {
    return FailedPrecondition(
        fmt::format("the object index has schema {}, this program reads {}: start the server once",
                    version, SqliteIndex::kSchemaVersion));
  }
  return std::unique_ptr<IndexDatabase>(std::make_unique<ReadOnlyDatabase>(path));
}

}  // namespace hodei::store
