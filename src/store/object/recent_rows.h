// Rows of live objects and their buckets that were read lately, so that reading them again costs no
// query. Kept true by the database's writes: what a write changes is forgotten before it commits,
// and nothing that was read before or while it committed is kept afterwards. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/object/index.h"

namespace hodei::store {

// A live object as a reader sees it: with its retention worked out.
struct RecentObject {
  std::shared_ptr<const BucketRow> bucket;
  std::shared_ptr<const google::storage::v1::Object> object;
  ContentRow content;
};

class RecentRows {
 public:
  // Emptied when it would hold more than `limit_bytes`, about.
  explicit RecentRows(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // Null when not here. A content row may be older than the last move of the content's bytes.
  std::shared_ptr<const BucketRow> FindBucket(std::string_view name) const;
  std::shared_ptr<const RecentObject> FindObject(std::string_view bucket,
                                                 std::string_view name) const;

  // Before a read whose rows are to be kept.
  uint64_t epoch() const;
  // Keeps what a read that began at `epoch` has found, unless it may be of an older state by now.
  void KeepBucket(uint64_t epoch, std::shared_ptr<const BucketRow> row);
  void KeepObject(uint64_t epoch, RecentObject row);

 private:
  friend class RowChanges;
  // Rows share slots by their hash: one that is being changed keeps the others of its slot out for
  // as long, which costs a query and is never wrong.
  struct Slot {
    int changing = 0;
    uint64_t changed = 0;  // the epoch of the last change's end
  };
  static constexpr size_t kSlots = 1024;

  // With mutex_ held.
  static std::string ObjectKey(int64_t bucket_id, std::string_view name);
  Slot& SlotOf(const std::string& key) { return slots_[std::hash<std::string>()(key) % kSlots]; }
  void Clear();

  const size_t limit_bytes_;
  mutable std::mutex mutex_;
  // The rest is guarded by mutex_.
  std::unordered_map<std::string, std::shared_ptr<const BucketRow>> buckets_;
  std::unordered_map<std::string, std::shared_ptr<const RecentObject>> objects_;
  size_t bytes_ = 0;
  uint64_t epoch_ = 0;
  std::array<Slot, kSlots> slots_;
  Slot all_buckets_;  // a change of any bucket is one of all: they are rare
};

// What one write changes, from its first change until it has committed or failed.
class RowChanges : public RowObserver {
 public:
  explicit RowChanges(RecentRows* rows) : rows_(*rows) {}
  // The write is over.
  ~RowChanges() override;
  RowChanges(const RowChanges&) = delete;
  RowChanges& operator=(const RowChanges&) = delete;

  void BucketChanges() override;
  void ObjectChanges(int64_t bucket_id, std::string_view name) override;

 private:
  RecentRows& rows_;
  std::vector<std::string> keys_;
  bool buckets_ = false;
};

// `database` with its writes told to `rows`, which must outlive it.
std::unique_ptr<IndexDatabase> TellChanges(std::unique_ptr<IndexDatabase> database,
                                           RecentRows* rows);

}  // namespace hodei::store
