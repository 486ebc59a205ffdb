// What every ObjectStore must do, by theme in conformance_*.cc. A store's test instantiates the
// suite:
//   INSTANTIATE_TEST_SUITE_P(Memory, ObjectStoreConformance, Values(StoreKind{"memory", make}));
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/testing/fake_clock.h"
#include "store/object/object_store.h"
#include "store/object/testing/whole_objects.h"

namespace hodei::store {

struct StoreKind {
  std::string name;
  // A fresh, empty store; it may not outlive the clock.
  std::function<std::unique_ptr<ObjectStore>(const Clock*)> make;
};

class ObjectStoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;

  // Puts `bytes` under "bucket"/name.
  Result<Object> Put(std::string_view name, std::string_view bytes,
                     const Preconditions& preconditions = {}, const ExpectedContent& expected = {},
                     std::string_view bucket = "bucket");
  // All bytes, or the status as text.
  std::string Get(std::string_view name, std::optional<int64_t> generation = std::nullopt,
                  std::string_view bucket = "bucket");
  void SetVersioning(bool enabled);
  void EditBucket(const std::function<void(Bucket*)>& edit);
  // Expects that index and contents agree.
  FsckReport Clean();
  UploadStart StartFor(const std::string& name) const;

  hodei::testing::FakeClock clock_;
  std::unique_ptr<ObjectStore> store_;
};

}  // namespace hodei::store
