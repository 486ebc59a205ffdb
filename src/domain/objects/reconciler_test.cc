#include "domain/objects/reconciler.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"

namespace hodei::objects {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using store::Bucket;
using store::Object;
using ::testing::ElementsAre;

constexpr std::chrono::hours kDay{24};

class Reconciler : public ::testing::Test {
 protected:
  void SetUp() override {
    Bucket bucket;
    bucket.set_name("bucket");
    bucket.set_project_id("p");
    ASSERT_THAT(objects_->CreateBucket(bucket), IsOk());
  }

  void SetRules(const std::string& rules, bool versioning = false) {
    ASSERT_THAT(
        objects_->UpdateBucket("bucket", {},
                               [&](Bucket* bucket) {
                                 bucket->mutable_versioning()->set_enabled(versioning);
                                 EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(
                                                 R"({"rule":)" + rules + "}",
                                                 &(*bucket->mutable_settings())["lifecycle"])
                                                 .ok());
                                 return OkStatus();
                               }),
        IsOk());
  }

  void Put(const std::string& name, const std::string& bytes = "x") {
    auto writer = objects_->NewWriter();
    ASSERT_THAT(writer, IsOk());
    ASSERT_THAT((*writer)->Append(bytes), IsOk());
    Object object;
    object.set_bucket("bucket");
    object.set_name(name);
    ASSERT_THAT((*writer)->Commit(object, {}, {}), IsOk());
  }

  // "name" when live, "name-" when not, each once per generation.
  std::vector<std::string> Names() {
    store::ListObjectsOptions options;
    options.versions = true;
    std::vector<std::string> names;
    const auto page = objects_->ListObjects("bucket", options);
    EXPECT_THAT(page, IsOk());
    for (const Object& object : page->items) {
      names.push_back(object.name() + (object.has_time_deleted() ? "-" : ""));
    }
    return names;
  }

  FakeClock clock_;
  std::unique_ptr<store::ObjectStore> objects_ = store::MakeMemoryObjectStore(&clock_);
  ObjectReconciler reconciler_{objects_.get(), &clock_};
};

TEST_F(Reconciler, DeletesWhatIsOldEnough) {
  SetRules(R"([{"action":{"type":"Delete"},"condition":{"age":2,"matchesPrefix":["tmp/"]}}])");
  Put("tmp/old");
  Put("kept");
  clock_.Advance(kDay);
  Put("tmp/young");
  ASSERT_THAT(reconciler_.RunLifecycle(), IsOk());
  EXPECT_THAT(Names(), ElementsAre("kept", "tmp/old", "tmp/young"));
  clock_.Advance(kDay);
  ASSERT_THAT(reconciler_.RunLifecycle(), IsOk());
  EXPECT_THAT(Names(), ElementsAre("kept", "tmp/young"));
}

TEST_F(Reconciler, KeepsTheNewestVersionsOfEachName) {
  SetRules(R"([{"action":{"type":"Delete"},"condition":{"numNewerVersions":1}}])", true);
  // More rows than a page has, so that histories cross pages.
  for (int i = 0; i < 400; ++i) {
    for (int version = 0; version < 3; ++version) {
      Put(fmt::format("{:03}", i), fmt::format("{}", version));
    }
  }
  const auto report = reconciler_.RunLifecycle();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->seen, 1200u);
  EXPECT_EQ(report->deleted, 800u);
  EXPECT_EQ(Names().size(), 400u);
}

TEST_F(Reconciler, ADeletedLiveGenerationBecomesNoncurrentUnderVersioning) {
  SetRules(R"([{"action":{"type":"Delete"},"condition":{"age":1,"isLive":true}},
               {"action":{"type":"Delete"},"condition":{"daysSinceNoncurrentTime":1}}])",
           true);
  Put("o");
  clock_.Advance(kDay);
  ASSERT_THAT(reconciler_.RunLifecycle(), IsOk());
  EXPECT_THAT(Names(), ElementsAre("o-"));
  clock_.Advance(kDay);
  ASSERT_THAT(reconciler_.RunLifecycle(), IsOk());
  EXPECT_THAT(Names(), ElementsAre());
}

TEST_F(Reconciler, HoldsAreStrongerThanRules) {
  SetRules(R"([{"action":{"type":"Delete"},"condition":{"age":0}}])");
  Put("held");
  Put("other");
  ASSERT_THAT(objects_->UpdateObject("bucket", "held", std::nullopt, {},
                                     [](Object* object) {
                                       object->set_temporary_hold(true);
                                       return OkStatus();
                                     }),
              IsOk());
  ASSERT_THAT(reconciler_.RunLifecycle(), IsOk());
  EXPECT_THAT(Names(), ElementsAre("held"));
}

TEST_F(Reconciler, ChangesStorageClassOnceAndAbortsUploads) {
  SetRules(R"([{"action":{"type":"SetStorageClass","storageClass":"COLDLINE"},
                "condition":{"age":1}},
               {"action":{"type":"AbortIncompleteMultipartUpload"},"condition":{"age":1}}])");
  Put("o");
  store::UploadStart start;
  start.object.set_bucket("bucket");
  start.object.set_name("parts");
  ASSERT_THAT(objects_->StartMultipart(start), IsOk());
  clock_.Advance(kDay);
  auto report = reconciler_.RunLifecycle();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->reclassed, 1u);
  EXPECT_EQ(report->aborted, 1u);
  EXPECT_EQ(objects_->GetObject("bucket", "o")->storage_class(), "COLDLINE");
  report = reconciler_.RunLifecycle();
  ASSERT_THAT(report, IsOk());
  EXPECT_EQ(report->reclassed + report->aborted, 0u);
}

TEST_F(Reconciler, WorksOnItsOwnTimers) {
  SetRules(R"([{"action":{"type":"Delete"},"condition":{"age":0}}])");
  Put("first");
  EXPECT_GT(reconciler_.RunOnce(), Nanoseconds(0));
  EXPECT_THAT(Names(), ElementsAre());
  Put("second");
  EXPECT_GT(reconciler_.RunOnce(), Nanoseconds(0));
  EXPECT_THAT(Names(), ElementsAre("second"));
  clock_.Advance(ReconcilerOptions().lifecycle_interval);
  reconciler_.RunOnce();
  EXPECT_THAT(Names(), ElementsAre());
  reconciler_.Start();
  reconciler_.Stop();
}

}  // namespace
}  // namespace hodei::objects
