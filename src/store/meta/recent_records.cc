#include "store/meta/recent_records.h"

namespace hodei::store {
namespace {

size_t SizeOf(const Record& record) { return record.name.size() + record.value.size(); }

}  // namespace

std::string RecentRecords::Key(std::string_view kind, std::string_view name) {
  std::string key;
  key.reserve(kind.size() + 1 + name.size());
  key.append(kind).append(1, '/').append(name);  // no kind has a slash
  return key;
}

RecentRecords::Found RecentRecords::Find(std::string_view kind, std::string_view name) const {
  const std::string key = Key(kind, name);
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(key);
  if (found != records_.end()) return {found->second, epoch_};
  return {std::nullopt, epoch_};
}

void RecentRecords::Keep(uint64_t epoch, const Record& record) {
  const size_t size = SizeOf(record);
  if (size > limit_bytes_ / 16) return;  // one such would drive out many
  std::string key = Key(record.kind, record.name);
  const std::lock_guard lock(mutex_);
  if (paused_ || epoch_ != epoch) return;
  if (bytes_ + size > limit_bytes_) {
    records_.clear();
    bytes_ = 0;
  }
  if (records_.emplace(std::move(key), record).second) bytes_ += size;
}

void RecentRecords::Forget(const std::vector<Write>& writes) {
  const std::lock_guard lock(mutex_);
  ++epoch_;
  for (const Write& write : writes) {
    const auto found = records_.find(Key(write.kind, write.name));
    if (found == records_.end()) continue;
    bytes_ -= SizeOf(found->second);
    records_.erase(found);
  }
}

void RecentRecords::Pause() {
  const std::lock_guard lock(mutex_);
  paused_ = true;
}

void RecentRecords::Resume() {
  const std::lock_guard lock(mutex_);
  paused_ = false;
  ++epoch_;
}

}  // namespace hodei::store
