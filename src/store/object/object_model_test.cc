// Random operations against both stores and against the simplest thing that could be right: a map.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <random>
#include <set>
#include <tuple>

#include "base/digest.h"
#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "store/object/object_store.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;

struct ModelObject {
  std::string bytes;
  int64_t generation = 0;
  int64_t metageneration = 1;
};

// One bucket, versioning on or off.
class Model {
 public:
  bool versioning = false;
  std::map<std::string, ModelObject> live;
  std::map<std::pair<std::string, int64_t>, ModelObject> old;

  void Install(const std::string& name, ModelObject object) {
    Supersede(name);
    live[name] = std::move(object);
  }
  void Supersede(const std::string& name) {
    const auto it = live.find(name);
    if (it == live.end()) return;
    if (versioning) old[{name, it->second.generation}] = it->second;
    live.erase(it);
  }
  // What Cloud Storage's listing would say.
  std::vector<std::string> List(const ListObjectsOptions& options) const {
    std::map<std::pair<std::string, int64_t>, int> all;
    for (const auto& [name, object] : live) all[{name, object.generation}] = 1;
    if (options.versions) {
      for (const auto& [key, object] : old) all[key] = 1;
    }
    std::vector<std::string> out;
    for (const auto& [key, unused] : all) {
      const std::string& name = key.first;
      if (!name.starts_with(options.prefix) || name < options.start_offset) continue;
      if (!options.end_offset.empty() && name >= options.end_offset) continue;
      const size_t found = options.delimiter.empty()
                               ? std::string::npos
                               : name.find(options.delimiter, options.prefix.size());
      if (found == std::string::npos) {
        out.push_back(fmt::format("{}#{}", name, key.second));
        continue;
      }
      const std::string group = name.substr(0, found + options.delimiter.size());
      if (out.empty() || out.back() != "/" + group) out.push_back("/" + group);
    }
    return out;
  }
};

class Walk {
 public:
  Walk(ObjectStore* store, FakeClock* clock, uint32_t seed)
      : store_(*store), clock_(*clock), random_(seed) {}

  void Run(int steps) {
    Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    ASSERT_THAT(store_.CreateBucket(bucket), IsOk());
    for (int step = 0; step < steps && !::testing::Test::HasFatalFailure(); ++step) {
      SCOPED_TRACE(fmt::format("step {}", step));
      Step();
    }
    Drain();
  }

 private:
  int Pick(int n) { return static_cast<int>(random_() % static_cast<uint32_t>(n)); }

  std::string Name() {
    static const std::vector<std::string> kNames = {"a",   "a/",   "a/b", "a/b/c", "a/c", "b",
                                                    "b/x", "b//y", "c/",  "ü/é",   "z",   "../e"};
    return kNames[static_cast<size_t>(Pick(static_cast<int>(kNames.size())))];
  }

  std::string Bytes() {
    static constexpr int kSizes[] = {0, 1, 100, 65'536, 65'537, 200'000};
    const size_t size = static_cast<size_t>(kSizes[Pick(Pick(10) == 0 ? 6 : 3)]);
    return std::string(size, static_cast<char>('a' + Pick(26)));
  }

  // Sometimes a precondition; whether it holds for `name` now.
  bool Wish(const std::string& name, Preconditions* wish) {
    const auto it = model_.live.find(name);
    switch (Pick(8)) {
      case 0:
        wish->if_generation_match = 0;
        return it == model_.live.end();
      case 1:
        wish->if_generation_match = it == model_.live.end() ? 7 : it->second.generation;
        return it != model_.live.end();
      case 2:
        wish->if_metageneration_match = 1;
        return it != model_.live.end() && it->second.metageneration == 1;
      default:
        return true;
    }
  }

  void Step() {
    if (Pick(20) == 0) clock_.Advance(std::chrono::seconds(1));
    if (Pick(2000) == 0) clock_.Advance(kUploadLifetime);
    if (Pick(50) == 0) clock_.JumpWall(std::chrono::seconds(-3));
    switch (Pick(17)) {
      case 12:
        return Hold();
      case 13:
        return ReadHeld();
      case 14:
        return Pick(4) == 0 ? Release() : Restore();
      case 15:
        return PutInParts();
      case 16:
        return Sweep();
      case 0:
      case 1:
      case 2:
        return Put();
      case 3:
        return PutResumable();
      case 4:
        return Delete();
      case 5:
        return DeleteOld();
      case 6:
        return Copy();
      case 7:
        return Compose();
      case 8:
        return Edit();
      case 9:
        return Pick(10) == 0 ? SetVersioning() : Move();
      case 10:
        return List();
      default:
        return Read();
    }
  }

  void Remember(const std::string& name, const std::string& bytes, const Object& object) {
    ASSERT_GT(object.generation(), last_generation_);
    last_generation_ = object.generation();
    ASSERT_EQ(object.crc32c(), Crc32c(0, bytes));
    model_.Install(name, {bytes, object.generation(), 1});
  }

  void Put() {
    const std::string name = Name();
    const std::string bytes = Bytes();
    Preconditions wish;
    const bool holds = Wish(name, &wish);
    ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ObjectWriter> writer, store_.NewWriter());
    ASSERT_THAT(writer->Append(bytes), IsOk());
    if (Pick(10) == 0) return;  // aborted
    Object metadata;
    metadata.set_bucket("bucket");
    metadata.set_name(name);
    const Result<Object> put = writer->Commit(metadata, wish, {});
    ASSERT_EQ(put.ok(), holds) << put.status();
    if (holds) Remember(name, bytes, *put);
  }

  void PutResumable() {
    const std::string name = Name();
    const std::string bytes = Bytes();
    UploadStart start;
    start.principal = "me";
    start.object.set_bucket("bucket");
    start.object.set_name(name);
    ASSERT_OK_AND_ASSIGN(const std::string id, store_.StartUpload(start));
    size_t sent = 0;
    while (sent < bytes.size()) {
      const size_t piece = 1 + static_cast<size_t>(Pick(70'000));
      // Some bytes again, as after a lost answer.
      const size_t from = sent - std::min<size_t>(sent, static_cast<size_t>(Pick(3)));
      ASSERT_THAT(store_.AppendUpload(id, "me", from,
                                      std::string_view(bytes).substr(from, sent - from + piece)),
                  IsOk());
      sent = std::min(bytes.size(), sent + piece);
      if (Pick(4) == 0) {
        ASSERT_OK_AND_ASSIGN(const UploadStatus status, store_.GetUpload(id, "me"));
        ASSERT_EQ(status.stored_bytes, sent);
      }
    }
    if (Pick(10) == 0) {
      ASSERT_THAT(store_.CancelUpload(id, "me"), IsOk());
      return;
    }
    ASSERT_OK_AND_ASSIGN(const Object put, store_.FinishUpload(id, "me", bytes.size(), {}));
    Remember(name, bytes, put);
  }

  void Delete() {
    const std::string name = Name();
    Preconditions wish;
    const bool holds = Wish(name, &wish);
    const bool there = model_.live.contains(name);
    const Status deleted = store_.DeleteObject("bucket", name, std::nullopt, wish);
    ASSERT_EQ(deleted.ok(), holds && there) << deleted;
    if (deleted.ok()) model_.Supersede(name);
  }

  void DeleteOld() {
    if (model_.old.empty()) return;
    auto it = model_.old.begin();
    std::advance(it, Pick(static_cast<int>(model_.old.size())));
    ASSERT_THAT(store_.DeleteObject("bucket", it->first.first, it->first.second, {}), IsOk());
    model_.old.erase(it);
  }

  void Copy() {
    const std::string from = Name();
    const std::string to = Name();
    Preconditions wish;
    const bool holds = Wish(to, &wish);
    const Result<Object> copied =
        store_.CopyObject({"bucket", from, std::nullopt, {}}, "bucket", to, std::nullopt, wish);
    const auto source = model_.live.find(from);
    ASSERT_EQ(copied.ok(), holds && source != model_.live.end()) << copied.status();
    if (copied.ok()) Remember(to, std::string(source->second.bytes), *copied);
  }

  void Move() {
    const std::string from = Name();
    const std::string to = Name();
    const auto source = model_.live.find(from);
    const Result<Object> moved = store_.MoveObject({"bucket", from, std::nullopt, {}}, to, {});
    ASSERT_EQ(moved.ok(), from != to && source != model_.live.end()) << moved.status();
    if (!moved.ok()) return;
    const std::string bytes = source->second.bytes;
    Remember(to, bytes, *moved);
    model_.Supersede(from);
  }

  void Compose() {
    const std::string to = Name();
    std::vector<ComposeSource> sources;
    std::string bytes;
    bool there = true;
    for (int i = 1 + Pick(3); i > 0; --i) {
      sources.push_back({Name(), {}, {}});
      const auto it = model_.live.find(sources.back().name);
      there = there && it != model_.live.end();
      if (there) bytes += it->second.bytes;
    }
    if (bytes.size() > 1'000'000) return;  // they would double for ever
    Object destination;
    destination.set_bucket("bucket");
    destination.set_name(to);
    const Result<Object> composed = store_.ComposeObject(destination, sources, {});
    ASSERT_EQ(composed.ok(), there) << composed.status();
    if (composed.ok()) Remember(to, bytes, *composed);
  }

  void Edit() {
    const std::string name = Name();
    const Result<Object> edited =
        store_.UpdateObject("bucket", name, std::nullopt, {}, [](Object* object) {
          object->set_content_type("x/y");
          return OkStatus();
        });
    const auto it = model_.live.find(name);
    ASSERT_EQ(edited.ok(), it != model_.live.end());
    if (!edited.ok()) return;
    ASSERT_EQ(edited->metageneration(), ++it->second.metageneration);
  }

  void Hold() {
    const std::string name = Name();
    const std::string holder = fmt::format("holder-{}", Pick(3));
    const auto it = model_.live.find(name);
    const Result<std::vector<Object>> held = store_.HoldGenerations(holder, {{"bucket", name, 0}});
    ASSERT_EQ(held.ok(), it != model_.live.end()) << held.status();
    if (held.ok()) held_[{holder, name, it->second.generation}] = it->second.bytes;
  }

  // Held bytes stay whatever happened to their objects.
  void ReadHeld() {
    if (held_.empty()) return;
    auto it = held_.begin();
    std::advance(it, Pick(static_cast<int>(held_.size())));
    const auto& [holder, name, generation] = it->first;
    ASSERT_OK_AND_ASSIGN(OpenedObject opened,
                         store_.OpenHeld(holder, {"bucket", name, generation}));
    ASSERT_TRUE(ReadAll(opened) == it->second);
  }

  void Release() {
    const std::string holder = fmt::format("holder-{}", Pick(3));
    ASSERT_THAT(store_.ReleaseGenerations(holder), IsOk());
    std::erase_if(held_, [&](const auto& hold) { return std::get<0>(hold.first) == holder; });
  }

  void Restore() {
    if (model_.old.empty()) return;
    auto it = model_.old.begin();
    std::advance(it, Pick(static_cast<int>(model_.old.size())));
    const auto [name, generation] = it->first;
    const std::string bytes = it->second.bytes;
    ASSERT_OK_AND_ASSIGN(const Object restored,
                         store_.RestoreObject("bucket", name, generation, {}));
    Remember(name, bytes, restored);
  }

  void PutInParts() {
    const std::string name = Name();
    const std::string bytes = Bytes();
    UploadStart start;
    start.object.set_bucket("bucket");
    start.object.set_name(name);
    ASSERT_OK_AND_ASSIGN(const std::string id, store_.StartMultipart(start));
    const MultipartKey key{"bucket", name, id};
    const int number = 1 + Pick(kMultipartPartLimit);
    for (const std::string& part : {Bytes(), bytes}) {  // the later replaces the earlier
      ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ObjectWriter> writer, store_.NewWriter());
      ASSERT_THAT(writer->Append(part), IsOk());
      ASSERT_THAT(writer->CommitPart(key, number, {}), IsOk());
    }
    if (Pick(5) == 0) {
      ASSERT_THAT(store_.AbortMultipart(key), IsOk());
      return;
    }
    ASSERT_OK_AND_ASSIGN(const Object put, store_.CompleteMultipart(key, {{number, ""}}, {}));
    Remember(name, bytes, put);
  }

  void Sweep() { ASSERT_THAT(store_.Sweep(), IsOk()); }

  void SetVersioning() {
    model_.versioning = Pick(2) == 0;
    ASSERT_THAT(store_.UpdateBucket("bucket", {},
                                    [this](Bucket* bucket) {
                                      bucket->mutable_versioning()->set_enabled(model_.versioning);
                                      return OkStatus();
                                    }),
                IsOk());
  }

  void List() {
    ListObjectsOptions options;
    options.versions = Pick(2) == 0;
    if (Pick(2) == 0) options.delimiter = "/";
    if (Pick(3) == 0) options.prefix = Name();
    if (Pick(4) == 0) options.start_offset = Name();
    if (Pick(4) == 0) options.end_offset = Name();
    const std::vector<std::string> expected = model_.List(options);
    options.limit = static_cast<size_t>(1 + Pick(5));
    std::vector<std::string> items;
    std::vector<std::string> prefixes;
    do {
      ASSERT_OK_AND_ASSIGN(const ListObjectsPage page, store_.ListObjects("bucket", options));
      ASSERT_LE(page.items.size() + page.prefixes.size(), options.limit);
      for (const Object& object : page.items) {
        items.push_back(fmt::format("{}#{}", object.name(), object.generation()));
      }
      for (const std::string& prefix : page.prefixes) prefixes.push_back("/" + prefix);
      options.page_token = page.next_page_token;
    } while (!options.page_token.empty());
    std::vector<std::string> expected_items;
    std::vector<std::string> expected_prefixes;
    for (const std::string& entry : expected) {
      (entry.front() == '/' ? expected_prefixes : expected_items).push_back(entry);
    }
    ASSERT_EQ(items, expected_items);
    ASSERT_EQ(prefixes, expected_prefixes);
  }

  void Read() {
    const std::string name = Name();
    Result<OpenedObject> opened = store_.OpenObject("bucket", name);
    const auto it = model_.live.find(name);
    ASSERT_EQ(opened.ok(), it != model_.live.end());
    if (!opened.ok()) return;
    ASSERT_EQ(opened->object.generation(), it->second.generation);
    ASSERT_TRUE(ReadAll(*opened) == it->second.bytes);
  }

  // Everything as the model says, disk and index agree, and deleting all frees all.
  void Drain() {
    for (const auto& [key, object] : model_.old) {
      ASSERT_OK_AND_ASSIGN(OpenedObject opened, store_.OpenObject("bucket", key.first, key.second));
      ASSERT_TRUE(ReadAll(opened) == object.bytes);
    }
    ASSERT_OK_AND_ASSIGN(const FsckReport full, store_.Fsck());
    ASSERT_THAT(full.problems, ::testing::IsEmpty());
    ASSERT_EQ(full.objects, model_.live.size() + model_.old.size());
    ASSERT_EQ(full.held, held_.size());
    ASSERT_EQ(full.parts, 0u);
    // The same bytes are there once.
    std::set<std::string> different;
    for (const auto& [name, object] : model_.live) different.insert(object.bytes);
    for (const auto& [key, object] : model_.old) different.insert(object.bytes);
    for (const auto& [key, bytes] : held_) different.insert(bytes);
    ASSERT_EQ(full.contents, different.size());
    for (int holder = 0; holder < 3; ++holder) {
      ASSERT_THAT(store_.ReleaseGenerations(fmt::format("holder-{}", holder)), IsOk());
    }
    for (const auto& [name, object] : model_.live) {
      ASSERT_THAT(store_.DeleteObject("bucket", name, object.generation, {}), IsOk());
    }
    for (const auto& [key, object] : model_.old) {
      ASSERT_THAT(store_.DeleteObject("bucket", key.first, key.second, {}), IsOk());
    }
    ASSERT_OK_AND_ASSIGN(const FsckReport empty, store_.Fsck());
    ASSERT_THAT(empty.problems, ::testing::IsEmpty());
    ASSERT_EQ(empty.contents, 0u);
    ASSERT_THAT(store_.DeleteBucket("bucket", {}), IsOk());
  }

  ObjectStore& store_;
  FakeClock& clock_;
  std::mt19937 random_;
  Model model_;
  std::map<std::tuple<std::string, std::string, int64_t>, std::string> held_;
  int64_t last_generation_ = 0;
};

// Together with the local store's, 100,000 steps. Each walk starts anew: histories only grow.
TEST(ObjectModel, MemoryStoreBehavesLikeTheMap) {
  for (uint32_t seed = 1; seed <= 9; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    FakeClock clock;
    const std::unique_ptr<ObjectStore> store = MakeMemoryObjectStore(&clock);
    Walk(store.get(), &clock, seed).Run(11'000);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(ObjectModel, LocalStoreBehavesLikeTheMap) {
  FakeClock clock;
  const TemporaryDirectory folder;
  LocalObjectStoreOptions options;
  options.directory = folder.path() + "/objects";
  options.clock = &clock;
  options.segment_bytes = 256 * 1024;  // many segments come and go
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<ObjectStore> store, OpenLocalObjectStore(options));
  Walk(store.get(), &clock, 2).Run(1'000);
}

}  // namespace
}  // namespace hodei::store
