// Records that were read lately, so that reading one again costs no query. Kept true by the writer,
// which forgets what it changes before it commits. Thread-safe.
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
  void Forget(const std::vector<Write>& writes);
  // Around a commit: from the first to the second nothing is kept. What a commit changes is
  // forgotten in between, before it; else one reader could see the new state in the database and
  // the old one here afterwards.
  void Pause();
  void Resume();

 private:
  static std::string Key(std::string_view kind, std::string_view name);

  const size_t limit_bytes_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Record> records_;  // guarded by mutex_
  size_t bytes_ = 0;                                 // guarded by mutex_
  uint64_t epoch_ = 0;                               // guarded by mutex_
  bool paused_ = false;                              // guarded by mutex_
};

}  // namespace hodei::store
