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

}  // namespace
}  // namespace hodei::store
