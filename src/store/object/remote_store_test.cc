#include "store/object/remote_store.h"

#include <gmock/gmock.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "store/object/local_files.h"
#include "store/object/testing/object_store_conformance.h"
#include "store/s3/testing/fake_s3.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using testing::FakeS3;
using ::testing::HasSubstr;
using Fault = FakeS3::Fault;

// Servers and folders, which must outlive the stores.
struct Place {
  FakeS3 server;
  TemporaryDirectory folder;
};

RemoteOptions OptionsOf(const FakeS3& server) {
  RemoteOptions options;
  options.server = server.options();
  options.prefix = "hodei/";
  return options;
}

std::unique_ptr<ObjectStore> OpenConforming(const Clock* clock) {
  static std::vector<std::unique_ptr<Place>> places;
  places.push_back(std::make_unique<Place>());
  RemoteOptions options = OptionsOf(places.back()->server);
  options.server.part_bytes = 100'000;
  options.cache_bytes = 3 << 20;
  Result<std::unique_ptr<ObjectStore>> store =
      OpenRemoteObjectStore(places.back()->folder.path() + "/objects", clock, options);
  EXPECT_THAT(store, IsOk());
  return store.ok() ? *std::move(store) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Remote, ObjectStoreConformance,
                         ::testing::Values(StoreKind{"remote", OpenConforming}));

class RemoteStore : public ::testing::Test {
 protected:
  void SetUp() override {
    options_ = OptionsOf(place_.server);
    Open();
    Bucket bucket;
    bucket.set_name("bucket");
    ASSERT_THAT(store_->CreateBucket(bucket), IsOk());
  }
  Status TryOpen(const std::string& folder = "/objects") {
    store_.reset();
    ASSIGN_OR_RETURN(store_,
                     OpenRemoteObjectStore(place_.folder.path() + folder, &clock_, options_));
    return OkStatus();
  }
  void Open() { ASSERT_THAT(TryOpen(), IsOk()); }
  Status Put(const std::string& name, const std::string& bytes) {
    return PutWhole(store_.get(), name, bytes).status();
  }
  std::string Get(const std::string& name) {
    Result<OpenedObject> opened = store_->OpenObject("bucket", name);
    return opened.ok() ? ReadAll(*opened) : opened.status().message();
  }
  // Keys of contents on the server.
  size_t stored() {
    size_t count = 0;
    for (const auto& [key, bytes] : place_.server.objects()) {
      if (key.starts_with("hodei/content/")) ++count;
    }
    return count;
  }
  size_t CountRequests(const std::string& start) {
    size_t count = 0;
    for (const std::string& request : place_.server.requests()) {
      if (request.starts_with(start)) ++count;
    }
    return count;
  }
  void SweepAll() {
    for (int i = 0; i < 100; ++i) {
      ASSERT_OK_AND_ASSIGN(const bool more, store_->Sweep());
      if (!more) return;
    }
    FAIL() << "there is always more to sweep";
  }
  // Removals happen in threads of their own.
  void AwaitStored(size_t count) {
    for (int i = 0; i < 2000 && stored() != count; ++i) {
      ASSERT_THAT(store_->Sweep(), IsOk());
      std::this_thread::yield();
    }
    EXPECT_EQ(stored(), count);
  }

  Place place_;
  hodei::testing::FakeClock clock_;
  RemoteOptions options_;
  std::unique_ptr<ObjectStore> store_;
};

std::string Bytes(size_t size, char seed = 'a') {
  std::string bytes(size, seed);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(seed + i * 31 + i / 251);
  return bytes;
}

TEST_F(RemoteStore, WhatIsAcknowledgedIsOnTheServerAndOutlivesTheCache) {
  ASSERT_THAT(Put("small", "hello"), IsOk());
  ASSERT_THAT(Put("empty", ""), IsOk());
  const std::string large = Bytes(20 << 20);
  ASSERT_THAT(Put("large", large), IsOk());
  EXPECT_EQ(stored(), 2u);
  Open();
  EXPECT_EQ(Get("small"), "hello");
  EXPECT_EQ(Get("empty"), "");
  EXPECT_TRUE(Get("large") == large);
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, ::testing::IsEmpty());
}

TEST_F(RemoteStore, ARangeFetchesNoMoreThanItsBlocks) {
  const std::string large = Bytes(40 << 20);
  ASSERT_THAT(Put("large", large), IsOk());
  Open();
  const size_t before = CountRequests("GET /bytes/hodei/content/");
  ASSERT_OK_AND_ASSIGN(OpenedObject opened, store_->OpenObject("bucket", "large"));
  EXPECT_EQ(CountRequests("GET /bytes/hodei/content/"), before);
  Slice(30 << 20, 1000, &opened.content);
  EXPECT_TRUE(ReadAll(opened) == large.substr(30 << 20, 1000));
  EXPECT_EQ(CountRequests("GET /bytes/hodei/content/"), before + 1);
  EXPECT_TRUE(ReadAll(opened) == large.substr(30 << 20, 1000));
  EXPECT_EQ(CountRequests("GET /bytes/hodei/content/"), before + 1);
}

TEST_F(RemoteStore, NothingIsAcknowledgedThatTheServerDoesNotTake) {
  options_.server.attempts = 2;
  Open();
  place_.server.Fail("PUT", Fault::kInternalError, 2);
  EXPECT_THAT(Put("a", "x"), StatusIs(Code::kUnavailable));
  EXPECT_THAT(store_->GetObject("bucket", "a"), StatusIs(Code::kNotFound));
  place_.server.Fail("PUT", Fault::kFull);
  EXPECT_THAT(Put("a", "x"), StatusIs(Code::kResourceExhausted));
  ASSERT_THAT(Put("a", "x"), IsOk());
  EXPECT_EQ(Get("a"), "x");
}

TEST_F(RemoteStore, FaultsOnTheWayAreOvercome) {
  const std::string large = Bytes(12 << 20);
  options_.server.part_bytes = 3 << 20;
  Open();
  place_.server.Fail("PUT", Fault::kResetAnswer, 2);
  place_.server.Fail("PUT", Fault::kSlowDown, 2);
  place_.server.Fail("POST /bytes/hodei/content", Fault::kInternalError, 2);
  ASSERT_THAT(Put("large", large), IsOk());
  Open();
  place_.server.Fail("GET /bytes/hodei/content/", Fault::kResetAnswer, 2);
  place_.server.Fail("GET /bytes/hodei/content/", Fault::kInternalError, 2);
  EXPECT_TRUE(Get("large") == large);
}

TEST_F(RemoteStore, OneContentForTheSameBytesAndNoneWhenNobodyRefersToIt) {
  const std::string bytes = Bytes(100'000);
  ASSERT_THAT(Put("a", bytes), IsOk());
  ASSERT_THAT(Put("b", bytes), IsOk());
  EXPECT_EQ(stored(), 1u);
  ASSERT_THAT(store_->DeleteObject("bucket", "a", std::nullopt, {}), IsOk());
  EXPECT_TRUE(Get("b") == bytes);
  ASSERT_THAT(store_->DeleteObject("bucket", "b", std::nullopt, {}), IsOk());
  AwaitStored(0);
}

TEST_F(RemoteStore, AReaderKeepsTheBytesOfWhatIsDeleted) {
  const std::string large = Bytes(20 << 20);
  ASSERT_THAT(Put("large", large), IsOk());
  Open();
  {
    ASSERT_OK_AND_ASSIGN(OpenedObject opened, store_->OpenObject("bucket", "large"));
    ASSERT_THAT(store_->DeleteObject("bucket", "large", std::nullopt, {}), IsOk());
    SweepAll();
    EXPECT_TRUE(ReadAll(opened) == large);
  }
  AwaitStored(0);
}

TEST_F(RemoteStore, WhatACrashLeftIsFoundAndRemoved) {
  ASSERT_THAT(Put("a", "kept"), IsOk());
  for (int i = 2; i < 9; ++i) {
    place_.server.Put("hodei/content/00000000000000" + std::to_string(10 + i), "left behind");
  }
  place_.server.Put("hodei/content/7fffffffffffffff", "of a later process");
  place_.server.Put("hodei/something else", "not ours");
  Open();
  SweepAll();
  AwaitStored(2);
  EXPECT_EQ(Get("a"), "kept");
  EXPECT_TRUE(place_.server.objects().contains("hodei/something else"));
}

TEST_F(RemoteStore, RemovalsWaitUpToTheirLimitAndTheRestIsFoundAtTheNextStart) {
  options_.removals_waiting = 2;
  Open();
  for (const char* name : {"a", "b", "c"})
    ASSERT_THAT(Put(name, std::string(200'000, *name)), IsOk());
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd paused, PauseRemovals(place_.folder.path() + "/objects"));
    for (const char* name : {"a", "b", "c"}) {
      ASSERT_THAT(store_->DeleteObject("bucket", name, std::nullopt, {}), IsOk());
    }
    EXPECT_EQ(stored(), 3U);
  }
  AwaitStored(1);
  Open();
  SweepAll();
  AwaitStored(0);
}

TEST_F(RemoteStore, UploadsGoOnAfterARestart) {
  UploadStart start;
  start.principal = "ann";
  start.object.set_bucket("bucket");
  start.object.set_name("resumed");
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(start));
  const std::string bytes = Bytes(300'000);
  ASSERT_THAT(store_->AppendUpload(id, "ann", 0, bytes.substr(0, 200'000)), IsOk());
  ASSERT_THAT(store_->GetUpload(id, "ann"), IsOk());
  EXPECT_EQ(stored(), 0u);
  Open();
  SweepAll();
  ASSERT_OK_AND_ASSIGN(const UploadStatus status, store_->GetUpload(id, "ann"));
  EXPECT_EQ(status.stored_bytes, 200'000u);
  ASSERT_THAT(store_->AppendUpload(id, "ann", 200'000, bytes.substr(200'000)), IsOk());
  place_.server.Fail("PUT", Fault::kFull);
  EXPECT_THAT(store_->FinishUpload(id, "ann", bytes.size(), {}),
              StatusIs(Code::kResourceExhausted));
  ASSERT_THAT(store_->FinishUpload(id, "ann", bytes.size(), {}), IsOk());
  EXPECT_TRUE(Get("resumed") == bytes);
}

TEST_F(RemoteStore, FsckNamesWhatTheServerLostOrDamaged) {
  ASSERT_THAT(Put("a", "good"), IsOk());
  ASSERT_THAT(Put("b", "lost"), IsOk());
  ASSERT_THAT(Put("c", "damaged"), IsOk());
  int n = 0;
  for (const auto& [key, bytes] : place_.server.objects()) {
    if (bytes == "lost") place_.server.Erase(key), ++n;
    if (bytes == "damaged") place_.server.Damage(key), ++n;
  }
  ASSERT_EQ(n, 2);
  place_.server.Put("hodei/content/00000000000000ff", "orphan");
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_EQ(report.problems.size(), 3u) << ::testing::PrintToString(report.problems);
  EXPECT_THAT(Get("c"), HasSubstr("checksum"));
  EXPECT_THAT(Get("b"), HasSubstr("missing"));
}

TEST_F(RemoteStore, ACopyThatRotsIsFetchedAnew) {
  ASSERT_THAT(Put("a", "good bytes"), IsOk());
  Open();
  EXPECT_EQ(Get("a"), "good bytes");
  const std::string path = place_.folder.path() + "/objects/cache/content/01/0000000000000001";
  ASSERT_TRUE(FileExists(path));
  ASSERT_THAT(WriteFileDurably(path, "rotten one"), IsOk());
  clock_.Advance(std::chrono::hours(1));
  EXPECT_EQ(Get("a"), "good bytes");
}

TEST_F(RemoteStore, CopiesAreBounded) {
  options_.cache_bytes = 1 << 20;
  Open();
  for (char c = 'a'; c < 'a' + 8; ++c) {
    ASSERT_THAT(Put(std::string(1, c), Bytes(400'000, c)), IsOk());
  }
  size_t copies = 0;
  for (int id = 1; id < 32; ++id) {
    const std::string name = (id < 16 ? "0" : "1") + std::string(1, "0123456789abcdef"[id % 16]);
    const auto files = ListDirectory(place_.folder.path() + "/objects/cache/content/" + name);
    if (files.ok()) copies += files->size();
  }
  EXPECT_LE(copies, 2u);
  EXPECT_TRUE(Get("a") == Bytes(400'000, 'a'));
}

TEST_F(RemoteStore, FolderAndBytesAreEachOthersOnly) {
  ASSERT_THAT(Put("a", "x"), IsOk());
  // Another folder finds the bytes taken.
  EXPECT_THAT(TryOpen("/second"), StatusIs(Code::kFailedPrecondition));
  // The folder is not opened without its bytes, or with others.
  LocalObjectStoreOptions local;
  local.directory = place_.folder.path() + "/objects";
  const auto opened = OpenLocalObjectStore(local);
  EXPECT_THAT(opened, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(opened.status().message(), HasSubstr("storage.s3"));
  options_.prefix = "elsewhere/";
  EXPECT_THAT(TryOpen(), StatusIs(Code::kFailedPrecondition));
  options_.prefix = "hodei/";
  Open();
  EXPECT_EQ(Get("a"), "x");
  // A local store does not become a remote one.
  local.directory = place_.folder.path() + "/local";
  {
    ASSERT_OK_AND_ASSIGN(const auto store, OpenLocalObjectStore(local));
    Bucket bucket;
    bucket.set_name("bucket");
    ASSERT_THAT(store->CreateBucket(bucket), IsOk());
    ASSERT_OK_AND_ASSIGN(const auto writer, store->NewWriter());
    ASSERT_THAT(writer->Append("x"), IsOk());
    Object metadata;
    metadata.set_bucket("bucket");
    metadata.set_name("x");
    ASSERT_THAT(writer->Commit(metadata, {}, {}), IsOk());
  }
  options_.prefix = "new/";
  EXPECT_THAT(TryOpen("/local"), StatusIs(Code::kFailedPrecondition));
}

TEST_F(RemoteStore, AnOldCopyOfTheFolderIsOpenedOnlyByTakingOver) {
  ASSERT_THAT(Put("a", "x"), IsOk());
  store_.reset();
  const std::string place = place_.folder.path() + "/objects/content.place";
  ASSERT_OK_AND_ASSIGN(const std::string old, ReadFile(place));
  Open();
  store_.reset();
  ASSERT_THAT(WriteFileDurably(place, old), IsOk());
  const Status refused = TryOpen();
  EXPECT_THAT(refused, StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(refused.message(), HasSubstr("take_over"));
  options_.take_over = true;
  Open();
  EXPECT_EQ(Get("a"), "x");
  ASSERT_THAT(Put("b", "y"), IsOk());
  options_.take_over = false;
  Open();
  EXPECT_EQ(Get("b"), "y");
}

}  // namespace
}  // namespace hodei::store
