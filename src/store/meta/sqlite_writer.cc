#include "store/meta/sqlite_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/failpoint.h"
#include "store/meta/sqlite_reader.h"
#include "store/meta/write_rules.h"

namespace hodei::store {
namespace {

bool IsDiskFull(const Status& status) { return status.reason() == kDiskFullReason; }
bool IsDiskFailure(const Status& status) { return status.reason() == kDiskFailedReason; }

// Whether no write of it makes a record: such a commit brings something to its end.
bool ChangesWhatIsThere(const std::vector<Write>& writes) {
  return std::all_of(writes.begin(), writes.end(), [](const Write& write) {
    return write.op == Write::Op::kDelete || write.expected_revision.value_or(0) != 0;
  });
}

}  // namespace

Result<std::unique_ptr<SqliteWriter>> SqliteWriter::Start(const SqliteMetaStoreOptions& options,
                                                          std::unique_ptr<SqliteDatabase> database,
                                                          WatchList* watches,
                                                          RecentRecords* recent) {
  std::unique_ptr<SqliteWriter> writer(
      new SqliteWriter(options, std::move(database), watches, recent));
  RETURN_IF_ERROR(writer->Prepare());
  writer->thread_ = std::thread(&SqliteWriter::Run, writer.get());
  return writer;
}

Status SqliteWriter::Prepare() {
  const std::pair<std::unique_ptr<SqliteStatement>*, const char*> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&rollback_, "ROLLBACK"},
      {&savepoint_, "SAVEPOINT one"},
      {&release_, "RELEASE one"},
      {&undo_, "ROLLBACK TO one"},
      {&find_, "SELECT revision, create_order FROM records WHERE kind = ?1 AND name = ?2"},
      {&insert_, "INSERT INTO records VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
      {&update_,
       "UPDATE records SET revision = ?2, crc32c = ?3, value = ?4 WHERE create_order = ?1"},
      {&delete_, "DELETE FROM records WHERE create_order = ?1"},
      {&set_counter_, "UPDATE counter SET last_revision = ?1 WHERE id = 1"},
  };
  for (const auto& [statement, sql] : statements) {
    ASSIGN_OR_RETURN(*statement, database_->Prepare(sql));
  }
  ASSIGN_OR_RETURN(auto counter, database_->Prepare("SELECT last_revision FROM counter"));
  ASSIGN_OR_RETURN(const bool found, counter->Step());
  if (!found) return DataLoss("the database has lost its revision counter; restore a backup");
  last_revision_ = counter->ColumnInt(0);
  return OkStatus();
}

SqliteWriter::~SqliteWriter() { (void)Stop(); }

Status SqliteWriter::Stop() {
  if (!thread_.joinable()) return OkStatus();
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  queued_.notify_one();
  thread_.join();
  ASSIGN_OR_RETURN(const std::string busy, database_->QueryText("PRAGMA wal_checkpoint(TRUNCATE)"));
  return busy == "0" ? OkStatus() : Unavailable("another program reads the database");
}

Result<std::vector<int64_t>> SqliteWriter::Commit(const std::vector<Write>& writes) {
  RETURN_IF_ERROR(CheckWrites(writes));
  Pending pending{.writes = &writes};
  {
    std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_limit) {
      return ResourceExhausted("too many writes wait for the disk; try again");
    }
    queue_.push_back(&pending);
  }
  queued_.notify_one();
  std::unique_lock lock(pending.mutex);
  pending.decided.wait(lock, [&] { return pending.done; });
  return std::move(pending.outcome);
}

void SqliteWriter::Run() {
  while (true) {
    std::vector<Pending*> batch;
    {
      std::unique_lock lock(mutex_);
      queued_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      batch.swap(queue_);
    }
    CommitBatch(batch);
  }
}

void SqliteWriter::CommitBatch(const std::vector<Pending*>& batch) {
  recent_->Pause();
  for (const Pending* pending : batch) recent_->Forget(*pending->writes);
  Status status = degraded_;
  // Without its reserve the disk is as good as full.
  if (status.ok()) status = HoldReserve();
  if (status.ok()) status = TryBatch(batch);
  if (IsDiskFull(status)) status = SpendReserve(batch, status);
  if (IsDiskFailure(status)) Degrade(status);
  if (!status.ok()) {
    // Also those whose precondition failed: what they were judged against did not happen.
    for (Pending* pending : batch) pending->outcome = status;
  }
  recent_->Resume();
  for (Pending* pending : batch) {
    if (pending->outcome.ok()) watches_->Notify(*pending->writes);
  }
  for (Pending* pending : batch) {
    // Notified under the lock: the moment it sees `done`, the caller destroys `pending`.
    std::lock_guard lock(pending->mutex);
    pending->done = true;
    pending->decided.notify_one();
  }
}

Status SqliteWriter::HoldReserve() {
  const Status held = reserve_.Hold();
  if (!IsDiskFull(held)) return held;
  return ResourceExhausted(
             fmt::format(
                 "no space left beside the database '{}': its reserve of {} bytes is spent; "
                 "free disk space, no restart is needed",
                 options_.path, options_.reserve_bytes))
      .WithReason(kDiskFullReason);
}

Status SqliteWriter::TryBatch(const std::vector<Pending*>& batch) {
  const int64_t revision_before = last_revision_;
  Status status = RunTransaction(batch);
  if (!status.ok()) {
    if (database_->in_transaction()) (void)rollback_->Run();
    last_revision_ = revision_before;
  }
  return status;
}

Status SqliteWriter::SpendReserve(const std::vector<Pending*>& batch, const Status& full) {
  reserve_.Release();
  std::vector<Pending*> changes;
  for (Pending* pending : batch) {
    if (ChangesWhatIsThere(*pending->writes)) changes.push_back(pending);
  }
  if (!changes.empty()) {
    RETURN_IF_ERROR(TryBatch(changes));
  }
  for (Pending* pending : batch) {
    if (!ChangesWhatIsThere(*pending->writes)) pending->outcome = full;
  }
  return OkStatus();
}

void SqliteWriter::Degrade(const Status& status) {
  if (!degraded_.ok()) return;
  degraded_ = Unavailable(
      fmt::format("{}; nothing is written until the server is started again: check the disk first",
                  status.message()));
  if (options_.on_degraded) options_.on_degraded(degraded_);
}

Status SqliteWriter::RunTransaction(const std::vector<Pending*>& batch) {
  const int64_t revision_before = last_revision_;
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("meta.commit.begin"));
  RETURN_IF_ERROR(begin_->Run());
  for (Pending* pending : batch) RETURN_IF_ERROR(ApplyOne(pending));
  // Nothing to keep: no reason to wait for the disk.
  if (last_revision_ == revision_before) return rollback_->Run();
  set_counter_->BindInt(1, last_revision_);
  RETURN_IF_ERROR(set_counter_->Run());
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("meta.commit.applied"));
  if (const Status failed = HODEI_FAILPOINT_STATUS("meta.commit.sync"); !failed.ok()) {
    return IsDiskFull(failed) ? failed : Status(failed).WithReason(kDiskFailedReason);
  }
  RETURN_IF_ERROR(commit_->Run());
  HODEI_FAILPOINT("meta.commit.synced");
  return OkStatus();
}

Status SqliteWriter::ApplyOne(Pending* pending) {
  const int64_t revision_before = last_revision_;
  RETURN_IF_ERROR(savepoint_->Run());
  std::vector<int64_t> revisions;
  revisions.reserve(pending->writes->size());
  for (const Write& write : *pending->writes) {
    Result<int64_t> revision = ApplyWrite(write);
    if (revision.ok()) {
      revisions.push_back(*revision);
      continue;
    }
    switch (revision.status().code()) {
      case Code::kNotFound:
      case Code::kAlreadyExists:
      case Code::kAborted:
      case Code::kInvalidArgument:
        break;  // the caller's precondition: only this commit fails
      default:
        return revision.status();
    }
    last_revision_ = revision_before;
    pending->outcome = revision.status();
    RETURN_IF_ERROR(undo_->Run());
    return release_->Run();
  }
  pending->outcome = std::move(revisions);
  return release_->Run();
}

Result<int64_t> SqliteWriter::ApplyWrite(const Write& write) {
  find_->BindText(1, write.kind);
  find_->BindBlob(2, write.name);
  const Result<bool> found = find_->Step();
  const bool exists = found.ok() && *found;
  const int64_t current = exists ? find_->ColumnInt(0) : 0;
  const int64_t create_order = exists ? find_->ColumnInt(1) : 0;
  find_->Reset();
  RETURN_IF_ERROR(found.status());
  RETURN_IF_ERROR(CheckPrecondition(write, exists ? std::optional(current) : std::nullopt));

  const int64_t revision = ++last_revision_;
  if (write.op == Write::Op::kDelete) {
    if (!exists) return revision;
    delete_->BindInt(1, create_order);
    RETURN_IF_ERROR(delete_->Run());
    return revision;
  }
  const int64_t crc = RecordCrc(write.name, write.value);
  if (exists) {
    update_->BindInt(1, create_order);
    update_->BindInt(2, revision);
    update_->BindInt(3, crc);
    update_->BindBlob(4, write.value);
    RETURN_IF_ERROR(update_->Run());
    return revision;
  }
  insert_->BindInt(1, revision);
  insert_->BindText(2, write.kind);
  insert_->BindBlob(3, write.name);
  insert_->BindInt(4, revision);
  insert_->BindInt(5, crc);
  insert_->BindBlob(6, write.value);
  RETURN_IF_ERROR(insert_->Run());
  return revision;
}

}  // namespace hodei::store
