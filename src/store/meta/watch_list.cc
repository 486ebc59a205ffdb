#include "store/meta/watch_list.h"

#include <utility>

namespace hodei::store {

class WatchList::Registration : public MetaStore::Watch {
 public:
  Registration(std::shared_ptr<State> state, int64_t id) : state_(std::move(state)), id_(id) {}
  ~Registration() override {
    std::lock_guard lock(state_->mutex);
    state_->watchers.erase(id_);
  }

 private:
  const std::shared_ptr<State> state_;
  const int64_t id_;
};

std::unique_ptr<MetaStore::Watch> WatchList::Add(
    std::string_view kind, std::function<void(const std::vector<std::string>& names)> changed) {
  std::lock_guard lock(state_->mutex);
  const int64_t id = state_->next_id++;
  state_->watchers[id] = {std::string(kind), std::move(changed)};
  return std::make_unique<Registration>(state_, id);
}

void WatchList::Notify(const std::vector<Write>& writes) {
  std::lock_guard lock(state_->mutex);
  if (state_->watchers.empty()) return;
  std::map<std::string_view, std::vector<std::string>> names_by_kind;
  for (const Write& write : writes) names_by_kind[write.kind].push_back(write.name);
  for (const auto& [id, watcher] : state_->watchers) {
    const auto it = names_by_kind.find(watcher.kind);
    if (it != names_by_kind.end()) watcher.changed(it->second);
  }
}

}  // namespace hodei::store
