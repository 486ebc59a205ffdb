#include "store/object/object_store.h"

#include <gmock/gmock.h>

#include <map>

#include "base/testing/status_matchers.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;

// A local store and its folder, which must outlive it.
class OwningStore {
 public:
  static std::unique_ptr<ObjectStore> Open(const Clock* clock) {
    static std::vector<std::unique_ptr<TemporaryDirectory>> folders;
    folders.push_back(std::make_unique<TemporaryDirectory>());
    LocalObjectStoreOptions options;
    options.directory = folders.back()->path() + "/objects";
    options.clock = clock;
    Result<std::unique_ptr<ObjectStore>> store = OpenLocalObjectStore(options);
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
};

INSTANTIATE_TEST_SUITE_P(Local, ObjectStoreConformance,
                         ::testing::Values(StoreKind{"local", OwningStore::Open}));
INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreConformance,
                         ::testing::Values(StoreKind{"memory", [](const Clock* clock) {
                                                       return MakeMemoryObjectStore(clock);
                                                     }}));

// T27. In memory, where ten thousand commits take no time.
TEST(MemoryObjectStore, OpenUploadsAreCappedUntilSomeEndOrExpire) {
  hodei::testing::FakeClock clock;
  const std::unique_ptr<ObjectStore> store = MakeMemoryObjectStore(&clock);
  Bucket bucket;
  bucket.set_name("bucket");
  ASSERT_THAT(store->CreateBucket(bucket), IsOk());
  UploadStart start;
  start.principal = "eve";
  start.object.set_bucket("bucket");
  start.object.set_name("flood");
  std::string resumable;
  std::string multipart;
  for (size_t i = 0; i < kOpenUploadLimit; ++i) {
    ASSERT_OK_AND_ASSIGN(resumable, store->StartUpload(start));
    ASSERT_OK_AND_ASSIGN(multipart, store->StartMultipart(start));
  }
  EXPECT_THAT(store->StartUpload(start), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(store->StartMultipart(start), StatusIs(Code::kResourceExhausted));
  ASSERT_THAT(store->CancelUpload(resumable, "eve"), IsOk());
  ASSERT_THAT(store->AbortMultipart({"bucket", "flood", multipart}), IsOk());
  EXPECT_THAT(store->StartUpload(start), IsOk());
  EXPECT_THAT(store->StartMultipart(start), IsOk());
  EXPECT_THAT(store->StartUpload(start), StatusIs(Code::kResourceExhausted));
  clock.Advance(kUploadLifetime);
  for (bool more = true; more;) {
    ASSERT_OK_AND_ASSIGN(more, store->Sweep());
  }
  EXPECT_THAT(store->StartUpload(start), IsOk());
  EXPECT_THAT(store->StartMultipart(start), IsOk());
}

}  // namespace
}  // namespace hodei::store
