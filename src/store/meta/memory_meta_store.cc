// The store of `--ephemeral` and of tests: ordered maps behind one lock.
#include <map>
#include <mutex>
#include <shared_mutex>
#include <utility>

#include "store/meta/meta_store.h"
#include "store/meta/watch_list.h"
#include "store/meta/write_rules.h"

namespace hodei::store {
namespace {

class MemoryMetaStore : public MetaStore {
 public:
  Result<Record> Get(std::string_view kind, std::string_view name) override {
    std::shared_lock lock(mutex_);
    const Record* record = Find(kind, name);
    if (record == nullptr) return RecordNotFound(kind, name);
    return *record;
  }

  Result<ListPage> List(std::string_view kind, const ListOptions& options) override {
    PagePosition position;
    if (!options.after.empty()) {
      ASSIGN_OR_RETURN(position, ParsePageToken(options.newest_first, options.after));
    }
    const size_t limit = std::min(std::max<size_t>(options.limit, 1), kMaxListLimit);
    std::shared_lock lock(mutex_);
    const auto kind_it = kinds_.find(kind);
    if (kind_it == kinds_.end()) return ListPage();
    ListPage page = options.newest_first ? ListNewest(kind_it->second, options, position, limit)
                                         : ListByName(kind_it->second, options, position, limit);
    if (page.records.size() > limit) {
      page.records.pop_back();
      page.next = PrintPageToken(options.newest_first, page.records.back());
    }
    return page;
  }

  Result<std::vector<int64_t>> Commit(const std::vector<Write>& writes) override {
    RETURN_IF_ERROR(CheckWrites(writes));
    // Watchers hear of commits in their order, one at a time, with no lock that readers take.
    std::lock_guard commit_lock(commit_mutex_);
    std::vector<int64_t> revisions;
    {
      std::unique_lock lock(mutex_);
      ASSIGN_OR_RETURN(revisions, Apply(writes));
    }
    watches_.Notify(writes);
    return revisions;
  }

  std::unique_ptr<Watch> WatchKind(
      std::string_view kind,
      std::function<void(const std::vector<std::string>& names)> changed) override {
    return watches_.Add(kind, std::move(changed));
  }

 private:
  struct Kind {
    std::map<std::string, Record, std::less<>> by_name;
    std::map<int64_t, std::string> by_creation;  // create_order → name
  };

  const Record* Find(std::string_view kind, std::string_view name) const {
    const auto kind_it = kinds_.find(kind);
    if (kind_it == kinds_.end()) return nullptr;
    const auto it = kind_it->second.by_name.find(name);
    return it == kind_it->second.by_name.end() ? nullptr : &it->second;
  }

  // At most limit + 1 records, so that the caller sees whether there are more.
  static ListPage ListByName(const Kind& kind, const ListOptions& options,
                             const PagePosition& position, size_t limit) {
    ListPage page;
    auto it = options.after.empty() || position.after_name < options.prefix
                  ? kind.by_name.lower_bound(options.prefix)
                  : kind.by_name.upper_bound(position.after_name);
    for (; it != kind.by_name.end() && page.records.size() <= limit; ++it) {
      if (!it->first.starts_with(options.prefix)) break;
      page.records.push_back(it->second);
    }
    return page;
  }

  static ListPage ListNewest(const Kind& kind, const ListOptions& options,
                             const PagePosition& position, size_t limit) {
    ListPage page;
    auto it = options.after.empty() ? kind.by_creation.end()
                                    : kind.by_creation.lower_bound(position.before_create_order);
    while (it != kind.by_creation.begin() && page.records.size() <= limit) {
      --it;
      if (it->second.starts_with(options.prefix)) {
        page.records.push_back(kind.by_name.find(it->second)->second);
      }
    }
    return page;
  }

  // All or none: a failed precondition restores what the writes before it changed.
  Result<std::vector<int64_t>> Apply(const std::vector<Write>& writes) {
    std::vector<std::pair<const Write*, std::optional<Record>>> undo;
    std::vector<int64_t> revisions;
    for (const Write& write : writes) {
      const Record* current = Find(write.kind, write.name);
      const Status allowed = CheckPrecondition(
          write, current == nullptr ? std::nullopt : std::optional(current->revision));
      if (!allowed.ok()) {
        for (auto it = undo.rbegin(); it != undo.rend(); ++it) {
          Set(it->first->kind, it->first->name, std::move(it->second));
        }
        return allowed;
      }
      undo.emplace_back(&write, current == nullptr ? std::nullopt : std::optional(*current));
      const int64_t revision = ++last_revision_;
      const int64_t create_order = current == nullptr ? revision : current->create_order;
      revisions.push_back(revision);
      if (write.op == Write::Op::kDelete) {
        Set(write.kind, write.name, std::nullopt);
      } else {
        Set(write.kind, write.name,
            Record{write.kind, write.name, revision, create_order, write.value});
      }
    }
    return revisions;
  }

  void Set(const std::string& kind_name, const std::string& name, std::optional<Record> record) {
    Kind& kind = kinds_[kind_name];
    if (const auto it = kind.by_name.find(name); it != kind.by_name.end()) {
      kind.by_creation.erase(it->second.create_order);
      kind.by_name.erase(it);
    }
    if (!record) return;
    kind.by_creation[record->create_order] = name;
    kind.by_name[name] = *std::move(record);
  }

  std::mutex commit_mutex_;
  std::shared_mutex mutex_;
  std::map<std::string, Kind, std::less<>> kinds_;  // guarded by mutex_
  int64_t last_revision_ = 0;                       // guarded by mutex_
  WatchList watches_;
};

}  // namespace

std::unique_ptr<MetaStore> MakeMemoryMetaStore() { return std::make_unique<MemoryMetaStore>(); }

}  // namespace hodei::store
