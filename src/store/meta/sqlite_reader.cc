#include "store/meta/sqlite_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/digest.h"
#include "store/meta/write_rules.h"

namespace hodei::store {
namespace {

constexpr char kGet[] =
    "SELECT name, revision, create_order, crc32c, value FROM records"
    " WHERE kind = ?1 AND name = ?2";
constexpr char kByName[] =
    "SELECT name, revision, create_order, crc32c, value FROM records"
    " WHERE kind = ?1 AND name >= ?2 AND name < ?3 ORDER BY name LIMIT ?4";
constexpr char kByNameOpen[] =
    "SELECT name, revision, create_order, crc32c, value FROM records"
    " WHERE kind = ?1 AND name >= ?2 ORDER BY name LIMIT ?4";
// Without the index's name the planner might take the names' one and sort.
constexpr char kByCreation[] =
    "SELECT name, revision, create_order, crc32c, value FROM records"
    " INDEXED BY records_by_creation WHERE kind = ?1 AND create_order < ?5"
    " AND name >= ?2 AND name < ?3 ORDER BY create_order DESC LIMIT ?4";
constexpr char kByCreationOpen[] =
    "SELECT name, revision, create_order, crc32c, value FROM records"
    " INDEXED BY records_by_creation WHERE kind = ?1 AND create_order < ?5"
    " AND name >= ?2 ORDER BY create_order DESC LIMIT ?4";

Result<Record> ReadRow(const SqliteStatement& row, std::string_view kind, std::string_view path) {
  Record record;
  record.kind = kind;
  record.name = row.ColumnBytes(0);
  record.revision = row.ColumnInt(1);
  record.create_order = row.ColumnInt(2);
  record.value = row.ColumnBytes(4);
  if (RecordCrc(record.name, record.value) != static_cast<uint32_t>(row.ColumnInt(3))) {
    return DataLoss(
        fmt::format("{} '{}' is damaged in the database '{}'; stop the server and "
                    "restore the data folder from a backup",
                    kind, record.name, path));
  }
  return record;
}

}  // namespace

uint32_t RecordCrc(std::string_view name, std::string_view value) {
  return Crc32c(Crc32c(0, name), value);
}

Result<std::unique_ptr<SqliteReader>> SqliteReader::Open(const SqliteMetaStoreOptions& options) {
  std::unique_ptr<SqliteReader> reader(new SqliteReader());
  reader->path_ = options.path;
  ASSIGN_OR_RETURN(
      reader->database_,
      SqliteDatabase::Open(options.path, SqliteDatabase::Mode::kReader, options.busy_wait));
  // 512 KiB of page cache each: there may be many readers, and the kernel caches too.
  RETURN_IF_ERROR(reader->database_->Execute("PRAGMA cache_size = -512"));
  ASSIGN_OR_RETURN(reader->get_, reader->database_->Prepare(kGet));
  ASSIGN_OR_RETURN(reader->by_name_, reader->database_->Prepare(kByName));
  ASSIGN_OR_RETURN(reader->by_name_open_, reader->database_->Prepare(kByNameOpen));
  ASSIGN_OR_RETURN(reader->by_creation_, reader->database_->Prepare(kByCreation));
  ASSIGN_OR_RETURN(reader->by_creation_open_, reader->database_->Prepare(kByCreationOpen));
  return reader;
}

Result<Record> SqliteReader::Get(std::string_view kind, std::string_view name) {
  const BorrowedStatement reset(get_.get());
  get_->BindText(1, kind);
  get_->BindBlob(2, name);
  ASSIGN_OR_RETURN(const bool found, get_->Step());
  if (!found) return RecordNotFound(kind, name);
  return ReadRow(*get_, kind, path_);
}

Result<ListPage> SqliteReader::List(std::string_view kind, const ListOptions& options) {
  PagePosition position;
  if (!options.after.empty()) {
    ASSIGN_OR_RETURN(position, ParsePageToken(options.newest_first, options.after));
  }
  const size_t limit = std::min(std::max<size_t>(options.limit, 1), kMaxListLimit);
  const std::optional<std::string> end = PrefixEnd(options.prefix);
  std::string start = options.prefix;
  if (!options.newest_first && !options.after.empty()) {
    // The first name behind `after_name` in byte order.
    start = std::max(start, position.after_name + '\0');
  }
  SqliteStatement* const statement = options.newest_first
                                         ? (end ? by_creation_ : by_creation_open_).get()
                                         : (end ? by_name_ : by_name_open_).get();
  const BorrowedStatement reset(statement);
  statement->BindText(1, kind);
  statement->BindBlob(2, start);
  if (end) statement->BindBlob(3, *end);
  statement->BindInt(4, static_cast<int64_t>(limit) + 1);
  if (options.newest_first) {
    statement->BindInt(5, options.after.empty() ? std::numeric_limits<int64_t>::max()
                                                : position.before_create_order);
  }
  return Collect(statement, kind, options.newest_first, limit);
}

Result<ListPage> SqliteReader::Collect(SqliteStatement* statement, std::string_view kind,
                                       bool newest_first, size_t limit) {
  ListPage page;
  while (true) {
    ASSIGN_OR_RETURN(const bool row, statement->Step());
    if (!row) return page;
    if (page.records.size() == limit) {
      page.next = PrintPageToken(newest_first, page.records.back());
      return page;
    }
    ASSIGN_OR_RETURN(Record record, ReadRow(*statement, kind, path_));
    page.records.push_back(std::move(record));
  }
}

Result<SqliteReaderPool::Lease> SqliteReaderPool::Borrow() {
  {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [this] { return !idle_.empty() || open_ < options_.reader_limit; });
    if (!idle_.empty()) {
      std::unique_ptr<SqliteReader> reader = std::move(idle_.back());
      idle_.pop_back();
      return Lease(this, std::move(reader));
    }
    ++open_;
  }
  Result<std::unique_ptr<SqliteReader>> reader = SqliteReader::Open(options_);
  if (!reader.ok()) {
    std::lock_guard lock(mutex_);
    --open_;
    returned_.notify_one();
    return reader.status();
  }
  return Lease(this, *std::move(reader));
}

void SqliteReaderPool::Return(std::unique_ptr<SqliteReader> reader) {
  std::lock_guard lock(mutex_);
  idle_.push_back(std::move(reader));
  returned_.notify_one();
}

}  // namespace hodei::store
