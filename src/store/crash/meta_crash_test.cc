// F7, F8: the store of records opened on what a power cut may leave at any moment of its commits.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "store/crash/testing/crash_images.h"
#include "store/meta/sqlite_meta_store.h"
#include "sys/file.h"

namespace hodei::store::testing {
namespace {

constexpr size_t kImages = 300;
constexpr int kClients = 3;

std::string ValueOf(int client, int version) {
  std::string value = fmt::format("{} {} ", client, version);
  value.resize(version % 5 == 0 ? 9'000 : 150, static_cast<char>('a' + version % 26));
  return value;
}

Result<std::unique_ptr<MetaStore>> Open(const std::string& folder) {
  SqliteMetaStoreOptions options;
  options.path = folder + "/data/meta.db";
  options.reserve_bytes = 4096;
  return OpenSqliteMetaStore(options);
}

// Each commit writes two records of the client, always the same value into both, and now and then
// takes both away: half a commit would show.
void RunClient(MetaStore* store, int client, int first_version, int commits) {
  std::mt19937 random(static_cast<uint32_t>(first_version + client));
  const std::string name = std::to_string(client);
  bool there = first_version > 1 && store->Get("left", name).ok();
  for (int version = first_version; version < first_version + commits; ++version) {
    const bool remove = there && random() % 8 == 0;
    const int after = remove ? 0 : version;
    DiskTrace::Mark(fmt::format("begin {} {}", client, after));
    std::vector<Write> writes;
    for (const char* kind : {"left", "right"}) {
      Write write{Write::Op::kPut, kind, name, ValueOf(client, version), std::nullopt};
      if (remove) write = {Write::Op::kDelete, kind, name, "", std::nullopt};
      writes.push_back(std::move(write));
    }
    const Status committed = store->Commit(writes).status();
    ASSERT_TRUE(committed.ok()) << committed;
    there = !remove;
    DiskTrace::Mark(fmt::format("done {} {}", client, after));
  }
}

std::vector<DiskEvent> RecordLoad(int sessions, int commits) {
  const TemporaryDirectory folder;
  DiskTrace::Start(folder.path());
  EXPECT_TRUE(MakeDirectories(folder.path() + "/data").ok());
  EXPECT_TRUE(SyncDirectory(folder.path()).ok());
  for (int session = 0; session < sessions; ++session) {
    Result<std::unique_ptr<MetaStore>> store = Open(folder.path());
    EXPECT_TRUE(store.ok()) << store.status();
    std::vector<std::jthread> clients;
    for (int client = 0; client < kClients; ++client) {
      clients.emplace_back([&store, client, session, commits] {
        RunClient(store->get(), client, 1 + session * 1000, commits);
      });
    }
  }
  return DiskTrace::Stop();
}

struct Promise {
  int acknowledged = 0;  // 0: absent
  std::optional<int> under_way;
};

std::map<int, Promise> PromisesOf(const std::vector<std::string>& marks) {
  std::map<int, Promise> promises;
  for (const std::string& mark : marks) {
    std::istringstream words(mark);
    std::string word;
    int client = 0;
    int version = 0;
    words >> word >> client >> version;
    if (word == "begin") {
      promises[client].under_way = version;
    } else {
      promises[client] = {version, std::nullopt};
    }
  }
  return promises;
}

std::string CheckImage(const CrashImage& image) {
  const Result<std::unique_ptr<MetaStore>> store = Open(image.folder);
  if (!store.ok()) return "open: " + store.status().ToString();
  for (const auto& [client, promise] : PromisesOf(image.before)) {
    const std::string name = std::to_string(client);
    const Result<Record> left = (*store)->Get("left", name);
    const Result<Record> right = (*store)->Get("right", name);
    for (const Result<Record>* record : {&left, &right}) {
      if (!record->ok() && record->status().code() != Code::kNotFound) {
        return record->status().ToString();
      }
    }
    if (left.ok() != right.ok() || (left.ok() && left->value != right->value)) {
      return "half a commit of client " + name;
    }
    const auto is = [&, client = client](int version) {
      return version == 0 ? !left.ok() : left.ok() && left->value == ValueOf(client, version);
    };
    if (is(promise.acknowledged) || (promise.under_way && is(*promise.under_way))) continue;
    return fmt::format("client {} has '{}' instead of version {} or {}", client,
                       left.ok() ? left->value.substr(0, 20) : "nothing", promise.acknowledged,
                       promise.under_way.value_or(-1));
  }
  // And it goes on.
  const Status committed =
      (*store)->Commit({{Write::Op::kPut, "left", "after", "x", std::nullopt}}).status();
  return committed.ok() ? "" : "a commit afterwards: " + committed.ToString();
}

TEST(MetaCrashImages, NothingAcknowledgedIsLostOrHalfThere) {
  const std::vector<DiskEvent> trace = RecordLoad(/*sessions=*/3, /*commits=*/40);
  ASSERT_GT(trace.size(), 300u);
  EXPECT_EQ(ForEachCrashImage(trace, {1, CrashImageCount(kImages)}, CheckImage), "");
}

TEST(MetaCrashImages, AMissingSyncIsNoticed) {
  std::vector<DiskEvent> trace = RecordLoad(/*sessions=*/1, /*commits=*/40);
  std::erase_if(trace, [&](const DiskEvent& e) { return e.kind == DiskEvent::Kind::kSync; });
  EXPECT_NE(ForEachCrashImage(trace, {1, 200}, CheckImage), "");
}

}  // namespace
}  // namespace hodei::store::testing
