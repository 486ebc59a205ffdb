#include "domain/objects/lifecycle.h"

#include <gmock/gmock.h>
#include <google/protobuf/util/json_util.h>

#include "base/testing/status_matchers.h"

namespace hodei::objects {
namespace {

using ::google::storage::v1::Object;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kDay = 86'400;
constexpr int64_t kNow = 1'700'000'000;

Result<std::vector<LifecycleRule>> Parse(const std::string& json) {
  google::protobuf::Value value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &value).ok());
  return ParseLifecycle(value);
}

std::vector<LifecycleRule> Rule(const std::string& action, const std::string& condition) {
  const auto rules =
      Parse(R"({"rule":[{"action":)" + action + R"(,"condition":)" + condition + "}]}");
  EXPECT_TRUE(rules.ok()) << rules.status();
  return rules.ok() ? *rules : std::vector<LifecycleRule>{};
}

const char kDelete[] = R"({"type":"Delete"})";

Object Created(int64_t days_ago, const std::string& name = "o") {
  Object object;
  object.set_name(name);
  object.set_storage_class("STANDARD");
  object.mutable_time_created()->set_seconds(kNow - days_ago * kDay);
  return object;
}

Object Noncurrent(int64_t created_days_ago, int64_t deleted_days_ago) {
  Object object = Created(created_days_ago);
  object.mutable_time_deleted()->set_seconds(kNow - deleted_days_ago * kDay);
  return object;
}

// 'D' deleted, 'S' another class, '-' left, one letter per generation.
std::string Plan(const std::vector<LifecycleRule>& rules, const std::vector<Object>& generations) {
  std::string out;
  for (const LifecycleAction& action :
       PlanLifecycle(rules, generations, WallTime{kNow * 1'000'000'000})) {
    out += action.kind == LifecycleAction::Kind::kDelete            ? 'D'
           : action.kind == LifecycleAction::Kind::kSetStorageClass ? 'S'
                                                                    : '-';
  }
  return out;
}

TEST(Lifecycle, AgeCountsWholeDaysFromCreation) {
  const auto rules = Rule(kDelete, R"({"age":30})");
  EXPECT_EQ(Plan(rules, {Created(29)}), "-");
  EXPECT_EQ(Plan(rules, {Created(30)}), "D");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"age":0})"), {Created(0)}), "D");
}

TEST(Lifecycle, AllConditionsOfARuleMustHold) {
  const auto rules =
      Rule(kDelete, R"({"age":1,"matchesPrefix":["tmp/","log/"],"matchesSuffix":[".gz"]})");
  EXPECT_EQ(Plan(rules, {Created(2, "tmp/a.gz")}), "D");
  EXPECT_EQ(Plan(rules, {Created(2, "log/a.gz")}), "D");
  EXPECT_EQ(Plan(rules, {Created(2, "tmp/a.txt")}), "-");
  EXPECT_EQ(Plan(rules, {Created(2, "a.gz")}), "-");
  EXPECT_EQ(Plan(rules, {Created(0, "tmp/a.gz")}), "-");
}

TEST(Lifecycle, NewerVersionsCountFromTheLiveOne) {
  const auto rules = Rule(kDelete, R"({"numNewerVersions":2})");
  EXPECT_EQ(Plan(rules, {Noncurrent(9, 8), Noncurrent(8, 7), Noncurrent(7, 6), Created(6)}),
            "DD--");
  EXPECT_EQ(Plan(rules, {Created(9)}), "-");
}

TEST(Lifecycle, LiveAndNoncurrentAreToldApart) {
  const std::vector<Object> both = {Noncurrent(9, 3), Created(3)};
  EXPECT_EQ(Plan(Rule(kDelete, R"({"isLive":false})"), both), "D-");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"isLive":true})"), both), "-D");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"daysSinceNoncurrentTime":3})"), both), "D-");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"daysSinceNoncurrentTime":4})"), both), "--");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"noncurrentTimeBefore":"2030-01-01"})"), both), "D-");
}

TEST(Lifecycle, DatesAndCustomTimes) {
  Object custom = Created(0);
  custom.mutable_custom_time()->set_seconds(kNow - 10 * kDay);
  EXPECT_EQ(Plan(Rule(kDelete, R"({"daysSinceCustomTime":10})"), {custom}), "D");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"daysSinceCustomTime":0})"), {Created(50)}), "-");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"customTimeBefore":"2023-11-05"})"), {custom}), "D");
  // kNow is 2023-11-14.
  EXPECT_EQ(Plan(Rule(kDelete, R"({"createdBefore":"2023-11-14"})"), {Created(0)}), "-");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"createdBefore":"2023-11-15"})"), {Created(0)}), "D");
}

TEST(Lifecycle, DeletionGoesFirstAndClassesOnlyGetColder) {
  const std::string colder = R"({"action":{"type":"SetStorageClass","storageClass":"COLDLINE"},
                                 "condition":{"age":10}})";
  const std::string near = R"({"action":{"type":"SetStorageClass","storageClass":"NEARLINE"},
                               "condition":{"age":5}})";
  const std::string gone = R"({"action":{"type":"Delete"},"condition":{"age":20}})";
  const auto rules = *Parse(R"({"rule":[)" + colder + "," + near + "," + gone + "]}");
  const WallTime now{kNow * 1'000'000'000};
  EXPECT_EQ(PlanLifecycle(rules, {Created(6)}, now)[0].storage_class, "NEARLINE");
  EXPECT_EQ(PlanLifecycle(rules, {Created(11)}, now)[0].storage_class, "COLDLINE");
  EXPECT_EQ(Plan(rules, {Created(21)}), "D");
  Object archived = Created(11);
  archived.set_storage_class("ARCHIVE");
  EXPECT_EQ(Plan(rules, {archived}), "-");
  EXPECT_EQ(Plan(Rule(kDelete, R"({"matchesStorageClass":["ARCHIVE"]})"), {archived}), "D");
}

TEST(Lifecycle, UploadsAreAbortedByAgeAndName) {
  const auto rules =
      Rule(R"({"type":"AbortIncompleteMultipartUpload"})", R"({"age":1,"matchesPrefix":["tmp/"]})");
  const WallTime now{kNow * 1'000'000'000};
  const WallTime old{(kNow - kDay) * 1'000'000'000};
  EXPECT_TRUE(ShouldAbortUpload(rules, "tmp/x", old, now));
  EXPECT_FALSE(ShouldAbortUpload(rules, "x", old, now));
  EXPECT_FALSE(ShouldAbortUpload(rules, "tmp/x", now, now));
  EXPECT_EQ(Plan(rules, {Created(50, "tmp/x")}), "-");
}

TEST(Lifecycle, WrongRulesAreRefusedWithTheReason) {
  const auto refused = [](const std::string& rule) {
    return Parse(R"({"rule":[)" + rule + "]}").status();
  };
  EXPECT_THAT(refused(R"({"action":{"type":"Delete"},"condition":{}})"),
              StatusIs(Code::kInvalidArgument, HasSubstr("needs a condition")));
  EXPECT_THAT(refused(R"({"action":{"type":"Burn"},"condition":{"age":1}})"),
              StatusIs(Code::kInvalidArgument, HasSubstr("'Burn'")));
  for (const char* condition :
       {R"({"age":-1})", R"({"age":1.5})", R"({"age":"x"})", R"({"age":1e12})", R"({"isLive":1})",
        R"({"createdBefore":"soon"})", R"({"matchesPrefix":"a"})", R"({"color":"red"})"}) {
    EXPECT_THAT(
        refused(R"({"action":{"type":"Delete"},"condition":)" + std::string(condition) + "}"),
        StatusIs(Code::kInvalidArgument))
        << condition;
  }
  EXPECT_THAT(refused(R"({"action":{"type":"SetStorageClass","storageClass":"ICE"},
                          "condition":{"age":1}})"),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(refused(R"({"action":{"type":"AbortIncompleteMultipartUpload"},
                          "condition":{"isLive":true}})"),
              StatusIs(Code::kInvalidArgument));
  EXPECT_TRUE(Parse(R"({"rule":[]})").ok());
  EXPECT_TRUE(Parse("{}").ok());
  std::string many = R"({"action":{"type":"Delete"},"condition":{"age":1}})";
  for (size_t i = 0; i < kLifecycleRuleLimit; ++i) {
    many += R"(,{"action":{"type":"Delete"},"condition":{"age":1}})";
  }
  EXPECT_THAT(refused(many), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace hodei::objects
