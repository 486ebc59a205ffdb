// Holds, retention, soft deletion and restoring.
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

namespace {

google::protobuf::Value StructOf(const std::map<std::string, std::string>& fields) {
  google::protobuf::Value value;
  for (const auto& [name, text] : fields) {
    (*value.mutable_struct_value()->mutable_fields())[name].set_string_value(text);
  }
  return value;
}

}  // namespace

TEST_P(ObjectStoreConformance, SoftDeletedObjectsCanBeRestoredForAWhile) {
  EditBucket([](Bucket* bucket) {
    (*bucket->mutable_settings())["softDeletePolicy"] =
        StructOf({{"retentionDurationSeconds", "604800"}});
  });
  ASSERT_OK_AND_ASSIGN(const Object first, Put("o", "first"));
  ASSERT_OK_AND_ASSIGN(const Object second, Put("o", "second"));
  ASSERT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}), IsOk());
  EXPECT_EQ(Get("o"), "NOT_FOUND");
  EXPECT_EQ(Get("o", first.generation()), "NOT_FOUND");
  ListObjectsOptions options;
  options.versions = true;
  ASSERT_OK_AND_ASSIGN(ListObjectsPage page, store_->ListObjects("bucket", options));
  EXPECT_THAT(page.items, IsEmpty());
  options = {};
  options.soft_deleted = true;
  options.limit = 1;
  ASSERT_OK_AND_ASSIGN(page, store_->ListObjects("bucket", options));
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0].generation(), first.generation());
  options.page_token = page.next_page_token;
  ASSERT_OK_AND_ASSIGN(page, store_->ListObjects("bucket", options));
  ASSERT_EQ(page.items.size(), 1u);
  EXPECT_EQ(page.items[0].generation(), second.generation());
  EXPECT_EQ(page.items[0].hard_delete_time().seconds() - page.items[0].soft_delete_time().seconds(),
            604'800);
  ASSERT_THAT(store_->GetSoftDeleted("bucket", "o", first.generation()), IsOk());
  ASSERT_OK_AND_ASSIGN(const Object restored,
                       store_->RestoreObject("bucket", "o", first.generation(), {}));
  EXPECT_GT(restored.generation(), second.generation());
  EXPECT_FALSE(restored.has_soft_delete_time());
  EXPECT_EQ(Get("o"), "first");
  Preconditions absent;
  absent.if_generation_match = 0;
  EXPECT_EQ(store_->RestoreObject("bucket", "o", second.generation(), absent).status().reason(),
            "conditionNotMet");
  EXPECT_EQ(Clean().contents, 2u);
  clock_.Advance(std::chrono::seconds(604'801));
  EXPECT_THAT(store_->RestoreObject("bucket", "o", second.generation(), {}),
              StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->GetSoftDeleted("bucket", "o", second.generation()),
              StatusIs(Code::kNotFound));
  ASSERT_THAT(store_->Sweep(), IsOk());
  const FsckReport report = Clean();
  EXPECT_EQ(report.objects, 1u);
  EXPECT_EQ(report.contents, 1u);
}

TEST_P(ObjectStoreConformance, SoftDeletedBytesGoAlsoWhenTheirBucketIsGone) {
  EditBucket([](Bucket* bucket) {
    (*bucket->mutable_settings())["softDeletePolicy"] =
        StructOf({{"retentionDurationSeconds", "604800"}});
  });
  ASSERT_THAT(Put("o", "x"), IsOk());
  ASSERT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}), IsOk());
  ASSERT_THAT(store_->DeleteBucket("bucket", {}), IsOk());
  EXPECT_EQ(Clean().contents, 1u);
  clock_.Advance(std::chrono::seconds(604'801));
  ASSERT_THAT(store_->Sweep(), IsOk());
  EXPECT_EQ(Clean().contents, 0u);
}

TEST_P(ObjectStoreConformance, NoncurrentGenerationsCanBeRestored) {
  SetVersioning(true);
  ASSERT_OK_AND_ASSIGN(const Object first, Put("o", "first"));
  ASSERT_THAT(Put("o", "second"), IsOk());
  ASSERT_THAT(store_->RestoreObject("bucket", "o", first.generation(), {}), IsOk());
  EXPECT_EQ(Get("o"), "first");
  EXPECT_THAT(store_->RestoreObject("bucket", "o", 7, {}), StatusIs(Code::kNotFound));
}

TEST_P(ObjectStoreConformance, AnObjectsOwnRetentionKeepsItAndLocksOnly) {
  ASSERT_THAT(Put("o", "x"), IsOk());
  const auto retain = [&](const std::string& mode, std::chrono::seconds in) {
    const std::string until = FormatRfc3339(clock_.Now() + Nanoseconds(in), 3);
    return store_->UpdateObject("bucket", "o", std::nullopt, {}, [&](Object* object) {
      (*object->mutable_settings())["retention"] =
          StructOf({{"mode", mode}, {"retainUntilTime", until}});
      return OkStatus();
    });
  };
  ASSERT_OK_AND_ASSIGN(const Object kept, retain("Unlocked", std::chrono::seconds(100)));
  EXPECT_TRUE(kept.has_retention_expiration_time());
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}),
              StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(Put("o", "y"), StatusIs(Code::kPermissionDenied));
  ASSERT_THAT(retain("Unlocked", std::chrono::seconds(50)), IsOk());
  ASSERT_THAT(retain("Locked", std::chrono::seconds(60)), IsOk());
  EXPECT_THAT(retain("Locked", std::chrono::seconds(50)), StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(retain("Unlocked", std::chrono::seconds(90)), StatusIs(Code::kPermissionDenied));
  ASSERT_THAT(retain("Locked", std::chrono::seconds(70)), IsOk());
  clock_.Advance(std::chrono::seconds(71));
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}), IsOk());
}

TEST_P(ObjectStoreConformance, RetentionFollowsThePolicyOfTheBucketAndTheHold) {
  ASSERT_THAT(Put("before", "x"), IsOk());
  EditBucket([](Bucket* bucket) {
    bucket->mutable_retention_policy()->set_retention_period(60);
    bucket->set_default_event_based_hold(true);
  });
  // Also objects from before the policy are kept.
  EXPECT_THAT(store_->DeleteObject("bucket", "before", std::nullopt, {}),
              StatusIs(Code::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(const Object held, Put("held", "x"));
  EXPECT_TRUE(held.event_based_hold());
  EXPECT_FALSE(held.has_retention_expiration_time());
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_THAT(store_->DeleteObject("bucket", "before", std::nullopt, {}), IsOk());
  ASSERT_OK_AND_ASSIGN(const Object released,
                       store_->UpdateObject("bucket", "held", std::nullopt, {}, [](Object* object) {
                         object->set_event_based_hold(false);
                         return OkStatus();
                       }));
  // Its time starts with the release.
  EXPECT_EQ(released.retention_expiration_time().seconds() - released.updated().seconds(), 60);
  EXPECT_THAT(store_->DeleteObject("bucket", "held", std::nullopt, {}),
              StatusIs(Code::kPermissionDenied));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_THAT(store_->DeleteObject("bucket", "held", std::nullopt, {}), IsOk());
  // A locked policy only grows.
  EditBucket([](Bucket* bucket) { bucket->mutable_retention_policy()->set_is_locked(true); });
  EXPECT_THAT(store_->UpdateBucket("bucket", {},
                                   [](Bucket* bucket) {
                                     bucket->clear_retention_policy();
                                     return OkStatus();
                                   }),
              StatusIs(Code::kPermissionDenied));
  EditBucket([](Bucket* bucket) { bucket->mutable_retention_policy()->set_retention_period(61); });
}

TEST_P(ObjectStoreConformance, HoldsKeepObjectsLiveAlsoWithVersioning) {
  SetVersioning(true);
  ASSERT_THAT(Put("o", "x"), IsOk());
  ASSERT_THAT(store_->UpdateObject("bucket", "o", std::nullopt, {},
                                   [](Object* object) {
                                     object->set_temporary_hold(true);
                                     return OkStatus();
                                   }),
              IsOk());
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}),
              StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(Put("o", "y"), StatusIs(Code::kPermissionDenied));
}

TEST_P(ObjectStoreConformance, CustomTimeOnlyMovesOn) {
  ASSERT_THAT(Put("o", "x"), IsOk());
  const auto set = [&](int64_t seconds) {
    return store_->UpdateObject("bucket", "o", std::nullopt, {}, [seconds](Object* object) {
      if (seconds == 0) {
        object->clear_custom_time();
      } else {
        object->mutable_custom_time()->set_seconds(seconds);
      }
      return OkStatus();
    });
  };
  ASSERT_THAT(set(100), IsOk());
  EXPECT_THAT(set(99), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(set(0), StatusIs(Code::kInvalidArgument));
  ASSERT_THAT(set(101), IsOk());
}

void LinkRetentionConformance() {}

}  // namespace hodei::store
