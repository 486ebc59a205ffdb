// Records that were read lately, so that reading one again costs no query. Kept true by the writer,
// which forgets what it changed before anybody hears of the commit. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "store/meta/meta_store.h"

namespace hodei::store {

class RecentRecords {
 public:
  // Emptied when it would hold more than `limit_bytes` of names and values.
  explicit RecentRecords(size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  struct Found {
    std::optional<Record> record;
    uint64_t epoch = 0;  // for Keep(), when there is no record
  };
  Found Find(std::string_view kind, std::string_view name) const;
  // Keeps what was read after Find() gave `epoch`, unless a commit came in between: the read may
  // have been of the state before it.
  void Keep(uint64_t epoch, const Record& record);
  // After the commit, before anybody is told of it.
  void Forget(const std::vector<Write>& writes);

 private:
  static std::string Key(std::string_view kind, std::string_view name);

  const size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Record> records_;  // guarded by mutex_
  size_t bytes_ = 0;                                 // guarded by mutex_
  uint64_t epoch_ = 0;                               // guarded by mutex_
};

}  // namespace hodei::store
