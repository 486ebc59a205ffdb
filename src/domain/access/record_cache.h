// Parsed records of one kind in memory, kept true by the store's watch: a hit costs no read and no
// parse. Absent records are not kept, so strangers' guesses do not fill it. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

template <typename Message>
class RecordCache {
 public:
  // Emptied when it holds this many records.
  static constexpr size_t kCapacity = 10'000;

  // `store` must outlive it.
  RecordCache(store::MetaStore* store, std::string kind)
      : store_(store),
        kind_(std::move(kind)),
        watch_(store->WatchKind(
            kind_, [this](const std::vector<std::string>& names) { Forget(names); })) {}

  // NOT_FOUND as the store says it. Never older than the last commit that returned before the call.
  Result<std::shared_ptr<const Message>> Get(std::string_view name) const {
    const std::string key(name);
    uint64_t epoch = 0;
    {
      std::shared_lock lock(mutex_);
      const auto it = messages_.find(key);
      if (it != messages_.end()) return it->second;
      epoch = epoch_;
    }
    ASSIGN_OR_RETURN(const store::Record record, store_->Get(kind_, name));
    auto message = std::make_shared<Message>();
    if (!message->ParseFromString(record.value)) {
      return DataLoss("the stored " + kind_ + " '" + key + "' cannot be read");
    }
    std::unique_lock lock(mutex_);
    // A commit since then may have changed what was read.
    if (epoch_ == epoch) {
      if (messages_.size() >= kCapacity) messages_.clear();
      messages_[key] = message;
    }
    return std::shared_ptr<const Message>(std::move(message));
  }

 private:
  void Forget(const std::vector<std::string>& names) {
    std::unique_lock lock(mutex_);
    ++epoch_;
    for (const std::string& name : names) messages_.erase(name);
  }

  store::MetaStore* const store_;
  const std::string kind_;
  mutable std::shared_mutex mutex_;
  mutable std::unordered_map<std::string, std::shared_ptr<const Message>> messages_;
  uint64_t epoch_ = 0;  // guarded by mutex_
  // Last, so that it ends first.
  std::unique_ptr<store::MetaStore::Watch> watch_;
};

}  // namespace hodei::access
