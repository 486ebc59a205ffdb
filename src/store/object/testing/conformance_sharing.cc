// Content is stored once, however often its bytes are.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/testing/status_matchers.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(ObjectStoreConformance, TheSameBytesAreStoredOnce) {
  const std::string large(9 << 20, 'd');
  ASSERT_THAT(Put("one", large), IsOk());
  ASSERT_THAT(Put("two", large), IsOk());
  ASSERT_THAT(Put("small-1", "s"), IsOk());
  ASSERT_THAT(Put("small-2", "s"), IsOk());
  ASSERT_THAT(store_->CopyObject({"bucket", "one", {}, {}}, "bucket", "copy", std::nullopt, {}),
              IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(StartFor("resumed")));
  ASSERT_THAT(store_->AppendUpload(id, "ann@x", 0, large), IsOk());
  ASSERT_THAT(store_->FinishUpload(id, "ann@x", large.size(), {}), IsOk());
  Object destination;
  destination.set_bucket("bucket");
  destination.set_name("composed");
  ASSERT_THAT(store_->ComposeObject(destination, {{"one", {}, {}}}, {}), IsOk());
  FsckReport report = Clean();
  EXPECT_EQ(report.objects, 7u);
  EXPECT_EQ(report.contents, 2u);
  EXPECT_EQ(report.bytes, large.size() + 1);
  for (const char* name : {"one", "two", "copy", "resumed", "composed"}) {
    EXPECT_TRUE(Get(name) == large) << name;
    ASSERT_THAT(store_->DeleteObject("bucket", name, std::nullopt, {}), IsOk());
  }
  report = Clean();
  EXPECT_EQ(report.contents, 1u);
  EXPECT_EQ(Get("small-2"), "s");
}

TEST_P(ObjectStoreConformance, OverwritingWithTheSameBytesKeepsThem) {
  for (int i = 0; i < 3; ++i) {
    ASSERT_THAT(Put("o", "same"), IsOk());
    clock_.Advance(std::chrono::minutes(2));  // what was checked before is checked again
  }
  EXPECT_EQ(Get("o"), "same");
  EXPECT_EQ(Clean().contents, 1u);
}

void LinkSharingConformance() {}

}  // namespace hodei::store
