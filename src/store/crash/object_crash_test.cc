// F7, F8: the object store opened on what a power cut may leave at any moment of a mixed load.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <thread>

#include "store/crash/testing/crash_images.h"
#include "store/object/object_store.h"
#include "store/object/testing/whole_objects.h"
#include "sys/file.h"

namespace hodei::store::testing {
namespace {

constexpr int kGone = 0;  // the version of an object that is not there
constexpr size_t kImages = 250;

// The bytes of a version, different in every sector, so that a mixture shows.
std::string BytesOf(const std::string& name, int version) {
  const size_t size = version % 3 == 0 ? 9'000 : 700;
  std::string bytes;
  while (bytes.size() < size) bytes += fmt::format("{} {} {};", name, version, bytes.size());
  bytes.resize(size);
  return bytes;
}

Result<std::unique_ptr<ObjectStore>> Open(const std::string& folder) {
  LocalObjectStoreOptions options;
  options.directory = folder + "/data/objects";
  options.small_object_bytes = 4096;
  options.segment_bytes = 24 * 1024;  // many come and go
  return OpenLocalObjectStore(options);
}

// What the marks before the cut promise. "begin NAME VERSION" and "done NAME VERSION" surround each
// change of an object, "stored ID NAME VERSION BYTES" and "closing ID" are of an upload, "held
// HOLDER NAME VERSION GENERATION" and "releasing HOLDER" of a hold.
struct Promises {
  struct Name {
    int acknowledged = kGone;
    std::optional<int> under_way;
  };
  struct Upload {
    std::string name;
    int version = 0;
    uint64_t bytes = 0;
  };
  struct Held {
    std::string name;
    int version = 0;
    int64_t generation = 0;
  };
  bool bucket = false;
  std::map<std::string, Name> names;
  std::map<std::string, Upload> uploads;
  std::map<std::string, Held> held;

  explicit Promises(const std::vector<std::string>& marks) {
    for (const std::string& mark : marks) Read(mark);
  }

 private:
  void Read(const std::string& mark) {
    std::istringstream words(mark);
    std::string word;
    std::string name;
    words >> word >> name;
    if (word == "bucket") bucket = true;
    if (word == "begin") words >> names[name].under_way.emplace();
    if (word == "done") {
      words >> names[name].acknowledged;
      names[name].under_way.reset();
    }
    if (word == "stored") {
      Upload& upload = uploads[name];
      words >> upload.name >> upload.version >> upload.bytes;
    }
    if (word == "closing") uploads.erase(name);
    if (word == "held") {
      Held& hold = held[name];
      words >> hold.name >> hold.version >> hold.generation;
    }
    if (word == "releasing") held.erase(name);
  }
};

// One client: changes objects of its own, one after the other, and says what was promised to it.
class Client {
 public:
  Client(ObjectStore* store, int number, uint32_t seed)
      : store_(*store), number_(number), random_(seed) {}

  void Run(int changes, int first_version) {
    for (int i = 0; i < changes; ++i) {
      const std::string name = fmt::format("{}-{}", number_, random_() % 4);
      const int version = first_version + i;
      switch (random_() % 10) {
        case 0:
        case 1:
          Change(name, kGone, [&] {
            const Status status = store_.DeleteObject("bucket", name, std::nullopt, {});
            return status.ok() || status.code() == Code::kNotFound;
          });
          break;
        case 2:
        case 3:
          Upload(name, version);
          break;
        case 4:
          Hold(name, version);
          break;
        case 5:
          if (number_ == 0) {
            EXPECT_TRUE(store_.Sweep().ok());
          }
          break;
        default:
          Change(name, version,
                 [&] { return PutWhole(&store_, name, BytesOf(name, version)).ok(); });
      }
    }
  }

 private:
  template <typename Do>
  void Change(const std::string& name, int version, const Do& change) {
    DiskTrace::Mark(fmt::format("begin {} {}", name, version));
    ASSERT_TRUE(change());
    DiskTrace::Mark(fmt::format("done {} {}", name, version));
  }

  void Upload(const std::string& name, int version) {
    UploadStart start;
    start.principal = "me";
    start.object.set_bucket("bucket");
    start.object.set_name(name);
    const Result<std::string> id = store_.StartUpload(start);
    ASSERT_TRUE(id.ok());
    const std::string bytes = BytesOf(name, version);
    const size_t half = bytes.size() / 2;
    ASSERT_TRUE(store_.AppendUpload(*id, "me", 0, std::string_view(bytes).substr(0, half)).ok());
    const Result<UploadStatus> status = store_.GetUpload(*id, "me");
    ASSERT_TRUE(status.ok());
    DiskTrace::Mark(fmt::format("stored {} {} {} {}", *id, name, version, status->stored_bytes));
    if (random_() % 4 == 0) return;  // stays open
    ASSERT_TRUE(store_.AppendUpload(*id, "me", half, std::string_view(bytes).substr(half)).ok());
    DiskTrace::Mark(fmt::format("closing {}", *id));
    Change(name, version, [&] { return store_.FinishUpload(*id, "me", bytes.size(), {}).ok(); });
  }

  void Hold(const std::string& name, int version) {
    const std::string holder = fmt::format("holder-{}", number_);
    DiskTrace::Mark(fmt::format("releasing {}", holder));
    ASSERT_TRUE(store_.ReleaseGenerations(holder).ok());
    Change(name, version, [&] { return PutWhole(&store_, name, BytesOf(name, version)).ok(); });
    const Result<std::vector<Object>> held = store_.HoldGenerations(holder, {{"bucket", name, 0}});
    ASSERT_TRUE(held.ok());
    DiskTrace::Mark(
        fmt::format("held {} {} {} {}", holder, name, version, held->front().generation()));
  }

  ObjectStore& store_;
  const int number_;
  std::mt19937 random_;
};

// Sessions one after the other: closing moves SQLite's log into the database.
std::vector<DiskEvent> RecordLoad(int sessions, int changes) {
  const TemporaryDirectory folder;
  DiskTrace::Start(folder.path());
  EXPECT_TRUE(MakeDirectories(folder.path() + "/data").ok());
  EXPECT_TRUE(SyncDirectory(folder.path()).ok());
  for (int session = 0; session < sessions; ++session) {
    Result<std::unique_ptr<ObjectStore>> store = Open(folder.path());
    EXPECT_TRUE(store.ok()) << store.status();
    if (session == 0) {
      Bucket bucket;
      bucket.set_name("bucket");
      bucket.set_project_id("p");
      EXPECT_TRUE((*store)->CreateBucket(bucket).ok());
      DiskTrace::Mark("bucket");
    }
    std::vector<std::jthread> clients;
    for (int number = 0; number < 3; ++number) {
      clients.emplace_back([&store, number, session, changes] {
        Client(store->get(), number, static_cast<uint32_t>(session * 10 + number))
            .Run(changes, 1 + session * 1000);
      });
    }
  }
  return DiskTrace::Stop();
}

std::string CheckNames(ObjectStore* store, const Promises& promises) {
  for (const auto& [name, promise] : promises.names) {
    const Result<OpenedObject> opened = store->OpenObject("bucket", name);
    if (!opened.ok() && opened.status().code() != Code::kNotFound) {
      return fmt::format("{}: {}", name, opened.status().ToString());
    }
    const std::string bytes = opened.ok() ? ReadAll(*opened) : "";
    const auto is = [&](int version) {
      return version == kGone ? !opened.ok() : opened.ok() && bytes == BytesOf(name, version);
    };
    if (is(promise.acknowledged) || (promise.under_way && is(*promise.under_way))) continue;
    return fmt::format("{}: '{}' is neither version {} nor {}", name, bytes.substr(0, 30),
                       promise.acknowledged, promise.under_way.value_or(-1));
  }
  return "";
}

std::string CheckUploads(ObjectStore* store, const Promises& promises) {
  for (const auto& [id, upload] : promises.uploads) {
    const Result<UploadStatus> status = store->GetUpload(id, "me");
    if (!status.ok()) return "an upload: " + status.status().ToString();
    if (status->stored_bytes < upload.bytes) {
      return fmt::format("an upload has {} of {} bytes", status->stored_bytes, upload.bytes);
    }
    const std::string bytes = BytesOf(upload.name, upload.version);
    const std::string_view rest = std::string_view(bytes).substr(status->stored_bytes);
    const Status appended = store->AppendUpload(id, "me", status->stored_bytes, rest);
    if (!appended.ok()) return "to go on with an upload: " + appended.ToString();
    const Result<Object> object = store->FinishUpload(id, "me", bytes.size(), {});
    if (!object.ok()) return "to finish an upload: " + object.status().ToString();
    const Result<OpenedObject> opened =
        store->OpenObject("bucket", upload.name, object->generation());
    if (!opened.ok() || ReadAll(*opened) != bytes) return "an upload went on to other bytes";
  }
  return "";
}

std::string CheckHeld(ObjectStore* store, const Promises& promises) {
  for (const auto& [holder, held] : promises.held) {
    const Result<OpenedObject> opened =
        store->OpenHeld(holder, {"bucket", held.name, held.generation});
    if (!opened.ok()) return holder + ": " + opened.status().ToString();
    if (ReadAll(*opened) != BytesOf(held.name, held.version)) return holder + ": other bytes";
  }
  return "";
}

std::string CheckFsck(ObjectStore* store) {
  const Result<FsckReport> report = store->Fsck();
  if (!report.ok()) return "fsck: " + report.status().ToString();
  return report->problems.empty() ? "" : "fsck: " + report->problems.front();
}

std::string CheckImage(const CrashImage& image) {
  const Promises promises(image.before);
  Result<std::unique_ptr<ObjectStore>> store = Open(image.folder);
  if (!store.ok()) return "open: " + store.status().ToString();
  if (!promises.bucket) return "";
  if (std::string problem = CheckNames(store->get(), promises); !problem.empty()) return problem;
  if (std::string problem = CheckHeld(store->get(), promises); !problem.empty()) return problem;
  if (std::string problem = CheckFsck(store->get()); !problem.empty()) return problem;
  if (std::string problem = CheckUploads(store->get(), promises); !problem.empty()) return problem;
  // And it goes on.
  for (const int version : {1, 3}) {
    const Status put = PutWhole(store->get(), "after", BytesOf("after", version)).status();
    if (!put.ok()) return "a put afterwards: " + put.ToString();
    const Result<OpenedObject> opened = (*store)->OpenObject("bucket", "after");
    if (!opened.ok() || ReadAll(*opened) != BytesOf("after", version)) return "a bad put";
  }
  return CheckFsck(store->get());
}

TEST(ObjectCrashImages, NothingAcknowledgedIsLostOrHalfThere) {
  const std::vector<DiskEvent> trace = RecordLoad(/*sessions=*/3, /*changes=*/25);
  ASSERT_GT(trace.size(), 1000u);
  EXPECT_EQ(ForEachCrashImage(trace, {1, CrashImageCount(kImages)}, CheckImage), "");
}

// The check sees a disk that forgets: with the syncs of one file taken out of the trace, something
// acknowledged is missing.
TEST(ObjectCrashImages, AMissingSyncIsNoticed) {
  std::vector<DiskEvent> trace = RecordLoad(/*sessions=*/1, /*changes=*/25);
  std::set<int> segments;
  for (const DiskEvent& event : trace) {
    const bool segment = event.path.starts_with("data/objects/segments/");
    if (event.kind == DiskEvent::Kind::kCreate && segment) segments.insert(event.file);
  }
  ASSERT_FALSE(segments.empty());
  std::erase_if(trace, [&](const DiskEvent& event) {
    return event.kind == DiskEvent::Kind::kSync && segments.contains(event.file);
  });
  EXPECT_NE(ForEachCrashImage(trace, {1, 200}, CheckImage), "");
}

}  // namespace
}  // namespace hodei::store::testing
