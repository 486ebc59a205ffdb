#include "wire/json/field_mask.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/version.pb.h"

namespace hodei::wire {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::Version;
using google::protobuf::FieldMask;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

FieldMask Mask(std::string_view text) { return ParseMask(text).value(); }

TEST(FieldMask, TakesBothSpellings) {
  EXPECT_THAT(Mask("autoScaling.minNodes,auto_scaling.max_nodes,labels").paths(),
              ElementsAre("auto_scaling.min_nodes", "auto_scaling.max_nodes", "labels"));
  EXPECT_THAT(Mask("").paths(), ElementsAre());
  EXPECT_THAT(Mask(",,labels,").paths(), ElementsAre("labels"));
}

TEST(FieldMask, RefusesOddCharactersAndTooMuch) {
  for (const char* text : {"a b", "labels.\"x\"", "a;b", "a/b", "\xc3\xa9", "a\n"}) {
    EXPECT_THAT(ParseMask(text), StatusIs(Code::kInvalidArgument)) << text;
  }
  EXPECT_THAT(ParseMask(std::string(513, 'a')), StatusIs(Code::kInvalidArgument));
  std::string many = "a";
  for (int i = 1; i < kMaskPathLimit; ++i) many += ",a";
  EXPECT_TRUE(ParseMask(many).ok());
  EXPECT_THAT(ParseMask(many + ",a"), StatusIs(Code::kInvalidArgument));
}

TEST(FieldMask, NormalizesAgainstTheResource) {
  ASSERT_OK_AND_ASSIGN(const FieldMask mask,
                       NormalizeMask(Mask("labels,autoScaling.minNodes,autoScaling,labels"),
                                     *Version::descriptor()));
  EXPECT_THAT(mask.paths(), ElementsAre("auto_scaling", "labels"));
  EXPECT_TRUE(MaskCovers(mask, "auto_scaling.min_nodes"));
  EXPECT_FALSE(MaskCovers(mask, "auto_scaling_x"));
  EXPECT_FALSE(MaskCovers(mask, "label"));
}

TEST(FieldMask, RefusesWhatTheResourceLacks) {
  EXPECT_THAT(NormalizeMask(FieldMask(), *Job::descriptor()),
              StatusIs(Code::kInvalidArgument, HasSubstr("Field: update_mask Error:")));
  for (const char* text :
       {"nope", "labels.a", "training_input.nope", "*", "job_id.x", "a..b", "."}) {
    EXPECT_THAT(NormalizeMask(Mask(text), *Job::descriptor()), StatusIs(Code::kInvalidArgument))
        << text;
  }
}

TEST(FieldMask, AppliesReplacingMapsAndClearingTheUnset) {
  Job target;
  target.set_job_id("keep");
  (*target.mutable_labels())["old"] = "1";
  target.set_etag("e");
  Job source;
  (*source.mutable_labels())["new"] = "2";
  source.set_job_id("ignored");
  ApplyMask(Mask("labels,etag"), source, &target);
  EXPECT_EQ(target.job_id(), "keep");
  EXPECT_EQ(target.etag(), "");
  ASSERT_EQ(target.labels_size(), 1);
  EXPECT_EQ(target.labels().at("new"), "2");
}

TEST(FieldMask, OutputOnlyFieldsAreCleared) {
  Job job;
  job.set_job_id("j");
  job.set_state(Job::SUCCEEDED);
  job.mutable_training_output()->set_consumed_ml_units(1);
  job.mutable_end_time()->set_seconds(5);
  job.mutable_training_input()->set_region("r");
  ClearOutputOnly(&job);
  EXPECT_EQ(job.job_id(), "j");
  EXPECT_EQ(job.training_input().region(), "r");
  EXPECT_EQ(job.state(), Job::STATE_UNSPECIFIED);
  EXPECT_FALSE(job.has_end_time());
  EXPECT_FALSE(job.has_training_output());
}

}  // namespace
}  // namespace hodei::wire
