#include "store/meta/sqlite_meta_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <utility>

#include "store/meta/recent_records.h"
#include "store/meta/sqlite_reader.h"
#include "store/meta/sqlite_schema.h"
#include "store/meta/sqlite_writer.h"
#include "store/meta/store_lock.h"
#include "store/meta/watch_list.h"
#include "store/sqlite/sqlite_database.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

// A larger database is not checked page by page at start; its records have checksums.
constexpr int64_t kFullCheckBytes = 32LL << 20;

// Of records that were read lately: what clients poll, not all that there is.
constexpr size_t kRecentBytes = 4 << 20;

int64_t FileSize(const std::string& path) {
  struct stat found {};
  return stat(path.c_str(), &found) == 0 ? static_cast<int64_t>(found.st_size) : -1;
}

std::string Folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

class SqliteMetaStore : public MetaStore {
 public:
  SqliteMetaStore(StoreLock lock, const SqliteMetaStoreOptions& options)
      : lock_(std::move(lock)), readers_(options) {}

  ~SqliteMetaStore() override {
    if (writer_ != nullptr && writer_->Stop().ok()) (void)lock_.MarkClean();
  }

  Status StartWriter(const SqliteMetaStoreOptions& options,
                     std::unique_ptr<SqliteDatabase> database) {
    ASSIGN_OR_RETURN(writer_,
                     SqliteWriter::Start(options, std::move(database), &watches_, &recent_));
    return OkStatus();
  }

  Result<Record> Get(std::string_view kind, std::string_view name) override {
    RecentRecords::Found found = recent_.Find(kind, name);
    if (found.record) return *std::move(found.record);
    ASSIGN_OR_RETURN(auto reader, readers_.Borrow());
    ASSIGN_OR_RETURN(Record record, reader->Get(kind, name));
    recent_.Keep(found.epoch, record);
    return record;
  }
  Result<ListPage> List(std::string_view kind, const ListOptions& options) override {
    ASSIGN_OR_RETURN(auto reader, readers_.Borrow());
    return reader->List(kind, options);
  }
  Result<std::vector<int64_t>> Commit(const std::vector<Write>& writes) override {
    return writer_->Commit(writes);
  }
  std::unique_ptr<Watch> WatchKind(
      std::string_view kind,
      std::function<void(const std::vector<std::string>& names)> changed) override {
    return watches_.Add(kind, std::move(changed));
  }

 private:
  // In order of dependency: the writer stops first, the lock goes last.
  StoreLock lock_;
  WatchList watches_;
  RecentRecords recent_{kRecentBytes};
  SqliteReaderPool readers_;
  std::unique_ptr<SqliteWriter> writer_;
};

// Never a silent empty start: what was made once must be there (fault F13).
Status CheckFilesPresent(const std::string& path, bool was_clean) {
  if (FileSize(path) <= 0) {
    return DataLoss(
        fmt::format("the database '{0}' is {1}, though this folder had one; restore it from a "
                    "backup, or remove "
                    "'{0}.lock' to start with nothing",
                    path, FileSize(path) < 0 ? "missing" : "empty"));
  }
  if (!was_clean && FileSize(path + "-wal") < 0) {
    return DataLoss(
        fmt::format("the log '{0}-wal' of the database is missing, and the latest changes may be "
                    "in it; restore "
                    "both from a backup, or make an empty file of that name to go on without them",
                    path));
  }
  return OkStatus();
}

Status CheckIntegrity(SqliteDatabase* database, const std::string& path) {
  if (FileSize(path) > kFullCheckBytes) return OkStatus();
  ASSIGN_OR_RETURN(const std::string verdict, database->QueryText("PRAGMA quick_check(1)"));
  if (verdict == "ok") return OkStatus();
  return DataLoss(fmt::format(
      "the database '{}' is damaged: {}; restore the data folder from a backup", path, verdict));
}

Result<std::unique_ptr<SqliteDatabase>> OpenWriter(const SqliteMetaStoreOptions& options) {
  ASSIGN_OR_RETURN(auto database, SqliteDatabase::Open(options.path, SqliteDatabase::Mode::kWriter,
                                                       options.busy_wait));
  ASSIGN_OR_RETURN(const std::string mode, database->QueryText("PRAGMA journal_mode = WAL"));
  if (mode != "wal") {
    return FailedPrecondition(fmt::format(
        "the file system of '{}' cannot share memory, which the database needs; use a local disk",
        options.path));
  }
  RETURN_IF_ERROR(database->Execute("PRAGMA synchronous = FULL"));
  RETURN_IF_ERROR(CheckIntegrity(database.get(), options.path));
  RETURN_IF_ERROR(MigrateSchema(database.get(), options.path));
  return database;
}

}  // namespace

Result<std::unique_ptr<MetaStore>> OpenSqliteMetaStore(const SqliteMetaStoreOptions& options) {
  const std::string& path = options.path;
  RETURN_IF_ERROR(MakeDirectories(Folder(path)));
  ASSIGN_OR_RETURN(StoreLock lock, StoreLock::Take(path + ".lock"));
  if (lock.initialized()) {
    RETURN_IF_ERROR(CheckFilesPresent(path, lock.was_clean()));
  } else {
    // Made here for its mode; SQLite gives the log the same.
    RETURN_IF_ERROR(OpenFile(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600).status());
  }
  ASSIGN_OR_RETURN(auto database, OpenWriter(options));
  RETURN_IF_ERROR(SyncDirectory(Folder(path)));
  RETURN_IF_ERROR(lock.MarkInUse());
  auto store = std::make_unique<SqliteMetaStore>(std::move(lock), options);
  RETURN_IF_ERROR(store->StartWriter(options, std::move(database)));
  return store;
}

Result<std::unique_ptr<MetaStore>> OpenSqliteMetaStore(const std::string& path) {
  return OpenSqliteMetaStore(SqliteMetaStoreOptions{.path = path});
}

}  // namespace hodei::store
