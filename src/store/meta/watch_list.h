// Who wants to know about commits. Thread-safe.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "store/meta/meta_store.h"

namespace hodei::store {

class WatchList {
 public:
  // The returned object may outlive the list. Its destructor waits for a running call of
  // `changed`, so it must not be destroyed from inside of it, nor under a lock that `changed`
  // takes.
  std::unique_ptr<MetaStore::Watch> Add(
      std::string_view kind, std::function<void(const std::vector<std::string>& names)> changed);
  // Tells everybody about the names that `writes` touched.
  void Notify(const std::vector<Write>& writes);

 private:
  class Registration;
  struct State {
    std::mutex mutex;
    int64_t next_id = 1;
    struct Watcher {
      std::string kind;
      std::function<void(const std::vector<std::string>&)> changed;
    };
    std::map<int64_t, Watcher> watchers;
  };
  // Shared with the registrations, which may die after the store.
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace hodei::store
