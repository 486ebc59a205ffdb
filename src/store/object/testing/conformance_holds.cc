// References: held generations outlive objects and buckets.
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

TEST_P(ObjectStoreConformance, HeldBytesOutliveObjectAndBucket) {
  const std::string large(9 << 20, 'h');
  ASSERT_OK_AND_ASSIGN(const Object small, Put("m/small", "weights"));
  ASSERT_OK_AND_ASSIGN(const Object big, Put("m/big", large));
  ASSERT_OK_AND_ASSIGN(
      const std::vector<Object> held,
      store_->HoldGenerations("version:v1",
                              {{"bucket", "m/small", 0}, {"bucket", "m/big", big.generation()}}));
  ASSERT_EQ(held.size(), 2u);
  EXPECT_EQ(held[0].generation(), small.generation());
  EXPECT_EQ(held[0].md5_hash(), small.md5_hash());
  ASSERT_THAT(Put("m/small", "other"), IsOk());
  ASSERT_THAT(store_->DeleteObject("bucket", "m/small", std::nullopt, {}), IsOk());
  ASSERT_THAT(store_->DeleteObject("bucket", "m/big", std::nullopt, {}), IsOk());
  ASSERT_THAT(store_->DeleteBucket("bucket", {}), IsOk());
  const GenerationName small_name{"bucket", "m/small", small.generation()};
  const GenerationName big_name{"bucket", "m/big", big.generation()};
  ASSERT_OK_AND_ASSIGN(OpenedObject opened, store_->OpenHeld("version:v1", small_name));
  EXPECT_EQ(ReadAll(opened), "weights");
  EXPECT_EQ(opened.object.name(), "m/small");
  const hodei::TemporaryDirectory folder;
  ASSERT_THAT(store_->CopyHeldToFile("version:v1", big_name, folder.path() + "/big"), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string copied, hodei::ReadFile(folder.path() + "/big"));
  EXPECT_TRUE(copied == large);
  EXPECT_THAT(store_->OpenHeld("version:v2", small_name), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->CopyHeldToFile("other", big_name, folder.path() + "/no"),
              StatusIs(Code::kNotFound));
  EXPECT_EQ(Clean().held, 2u);
  ASSERT_THAT(store_->ReleaseGenerations("version:v1"), IsOk());
  EXPECT_THAT(store_->OpenHeld("version:v1", small_name), StatusIs(Code::kNotFound));
  EXPECT_EQ(Clean().contents, 0u);
}

TEST_P(ObjectStoreConformance, HoldingIsAllOrNothingAndMayBeRepeated) {
  ASSERT_THAT(Put("a", "1"), IsOk());
  EXPECT_THAT(store_->HoldGenerations("h", {{"bucket", "a", 0}, {"bucket", "absent", 0}}),
              StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->HoldGenerations("h", {{"bucket", "a", 7}}), StatusIs(Code::kNotFound));
  ASSERT_OK_AND_ASSIGN(std::vector<Object> held, store_->ListHeld("h"));
  EXPECT_THAT(held, IsEmpty());
  ASSERT_THAT(store_->HoldGenerations("h", {{"bucket", "a", 0}, {"bucket", "a", 0}}), IsOk());
  ASSERT_THAT(store_->HoldGenerations("h", {{"bucket", "a", 0}}), IsOk());
  ASSERT_THAT(store_->HoldGenerations("hh", {{"bucket", "a", 0}}), IsOk());
  ASSERT_OK_AND_ASSIGN(held, store_->ListHeld("h"));
  EXPECT_EQ(held.size(), 1u);
  EXPECT_EQ(Clean().held, 2u);
  ASSERT_OK_AND_ASSIGN(const std::vector<std::string> holders, store_->ListHolders("h"));
  EXPECT_THAT(holders, ElementsAre("h", "hh"));
  // Held stays held after the object is gone.
  ASSERT_OK_AND_ASSIGN(const Object object, store_->GetObject("bucket", "a"));
  ASSERT_THAT(store_->DeleteObject("bucket", "a", std::nullopt, {}), IsOk());
  EXPECT_THAT(store_->HoldGenerations("h", {{"bucket", "a", object.generation()}}), IsOk());
  ASSERT_THAT(store_->ReleaseGenerations("h"), IsOk());
  ASSERT_THAT(store_->ReleaseGenerations("h"), IsOk());
  ASSERT_THAT(store_->ReleaseGenerations("hh"), IsOk());
  EXPECT_EQ(Clean().contents, 0u);
  for (const std::string& holder : {std::string(), std::string(1025, 'h'), std::string("\xff")}) {
    EXPECT_THAT(store_->HoldGenerations(holder, {}), StatusIs(Code::kInvalidArgument));
  }
}

void LinkHoldsConformance() {}

}  // namespace hodei::store
