#include "store/object/recent_rows.h"

#include <algorithm>
#include <utility>

namespace hodei::store {
namespace {

// Beside what a message says of itself.
constexpr size_t kOverheadBytes = 600;

size_t SizeOf(const RecentObject& row) { return row.object->ByteSizeLong() + kOverheadBytes; }

class ToldDatabase : public IndexDatabase {
 public:
  ToldDatabase(std::unique_ptr<IndexDatabase> database, RecentRows* rows)
      : database_(std::move(database)), rows_(rows) {}

  Status Read(const std::function<Status(Index&)>& read) override { return database_->Read(read); }

  Status Write(const std::function<Status(Index&)>& write, WriteKind kind) override {
    RowChanges changes(rows_);
    return database_->Write(
        [&](Index& index) {
          index.set_observer(&changes);
          const Status status = write(index);
          index.set_observer(nullptr);
          return status;
        },
        kind);
  }

 private:
  const std::unique_ptr<IndexDatabase> database_;
  RecentRows* const rows_;
};

}  // namespace

std::string RecentRows::ObjectKey(int64_t bucket_id, std::string_view name) {
  std::string key;
  key.reserve(sizeof bucket_id + name.size());
  key.append(reinterpret_cast<const char*>(&bucket_id), sizeof bucket_id).append(name);
  return key;
}

void RecentRows::Clear() {
  buckets_.clear();
  objects_.clear();
  bytes_ = 0;
}

std::shared_ptr<const BucketRow> RecentRows::FindBucket(std::string_view name) const {
  const std::string key(name);
  const std::lock_guard lock(mutex_);
  const auto it = buckets_.find(key);
  return it == buckets_.end() ? nullptr : it->second;
}

std::shared_ptr<const RecentObject> RecentRows::FindObject(std::string_view bucket,
                                                           std::string_view name) const {
  const std::string bucket_key(bucket);
  const std::lock_guard lock(mutex_);
  const auto owner = buckets_.find(bucket_key);
  if (owner == buckets_.end()) return nullptr;
  const auto it = objects_.find(ObjectKey(owner->second->id, name));
  return it == objects_.end() ? nullptr : it->second;
}

uint64_t RecentRows::epoch() const {
  const std::lock_guard lock(mutex_);
  return epoch_;
}

void RecentRows::KeepBucket(uint64_t epoch, std::shared_ptr<const BucketRow> row) {
  const size_t size = row->bucket.ByteSizeLong() + kOverheadBytes;
  if (size > limit_bytes_ / 16) return;  // one such would drive out many
  const std::lock_guard lock(mutex_);
  if (all_buckets_.changing > 0 || all_buckets_.changed > epoch) return;
  if (bytes_ + size > limit_bytes_) Clear();
  std::string name = row->bucket.name();
  if (buckets_.emplace(std::move(name), std::move(row)).second) bytes_ += size;
}

void RecentRows::KeepObject(uint64_t epoch, RecentObject row) {
  const size_t size = SizeOf(row);
  if (size > limit_bytes_ / 16) return;
  KeepBucket(epoch, row.bucket);
  std::string key = ObjectKey(row.bucket->id, row.object->name());
  const std::lock_guard lock(mutex_);
  // What a reader sees of an object hangs on its bucket too.
  if (all_buckets_.changing > 0 || all_buckets_.changed > epoch) return;
  const Slot& slot = SlotOf(key);
  if (slot.changing > 0 || slot.changed > epoch) return;
  if (bytes_ + size > limit_bytes_) Clear();
  auto& kept = objects_[std::move(key)];
  bytes_ += kept == nullptr ? size : 0;
  kept = std::make_shared<const RecentObject>(std::move(row));
}

void RowChanges::BucketChanges() {
  const std::lock_guard lock(rows_.mutex_);
  rows_.Clear();
  if (!std::exchange(buckets_, true)) ++rows_.all_buckets_.changing;
}

void RowChanges::ObjectChanges(int64_t bucket_id, std::string_view name) {
  std::string key = RecentRows::ObjectKey(bucket_id, name);
  const std::lock_guard lock(rows_.mutex_);
  if (const auto it = rows_.objects_.find(key); it != rows_.objects_.end()) {
    rows_.bytes_ -= std::min(rows_.bytes_, SizeOf(*it->second));
    rows_.objects_.erase(it);
  }
  ++rows_.SlotOf(key).changing;
  keys_.push_back(std::move(key));
}

RowChanges::~RowChanges() {
  if (keys_.empty() && !buckets_) return;
  const std::lock_guard lock(rows_.mutex_);
  ++rows_.epoch_;
  const auto end = [this](RecentRows::Slot* slot) {
    --slot->changing;
    slot->changed = rows_.epoch_;
  };
  for (const std::string& key : keys_) end(&rows_.SlotOf(key));
  if (buckets_) end(&rows_.all_buckets_);
}

std::unique_ptr<IndexDatabase> TellChanges(std::unique_ptr<IndexDatabase> database,
                                           RecentRows* rows) {
  return std::make_unique<ToldDatabase>(std::move(database), rows);
}

}  // namespace hodei::store
