#include "domain/jobs/job_filter.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using hodei::testing::StatusIs;
using ::testing::StartsWith;

Job Example() {
  Job job;
  job.set_job_id("census_1");
  job.set_state(Job::FAILED);
  (*job.mutable_labels())["team"] = "ml";
  return job;
}

TEST(JobFilter, Matches) {
  for (const char* text : {"", "  ", "jobId:census*", "jobId=census_1", "state:FAILED", "job_id:*",
                           "jobId:census* AND state:FAILED", "labels.team=ml", "NOT state:RUNNING",
                           "state:\"FAILED\"", "NOT labels.other:x", "state:FAIL*"}) {
    ASSERT_OK_AND_ASSIGN(const JobFilter filter, JobFilter::Parse(text));
    EXPECT_TRUE(filter.Matches(Example())) << text;
  }
}

TEST(JobFilter, DoesNotMatch) {
  for (const char* text : {"jobId:rnn*", "jobId:census", "state:RUNNING", "labels.team:x",
                           "jobId:census* AND NOT state:FAILED", "jobId:\"census*\""}) {
    ASSERT_OK_AND_ASSIGN(const JobFilter filter, JobFilter::Parse(text));
    EXPECT_FALSE(filter.Matches(Example())) << text;
  }
}

TEST(JobFilter, RefusesWhatItDoesNotUnderstand) {
  for (const std::string& text :
       {std::string("x"), std::string("jobId"), std::string("jobId:"), std::string("owner:me"),
        std::string("state:LATE"), std::string("jobId:a OR jobId:b"),
        std::string("jobId:a jobId:b"), std::string("jobId:a AND"), std::string("(jobId:a)"),
        std::string("jobId:\"a"), std::string("jobId:a*b"), std::string("labels.:x"),
        "jobId:" + std::string(kJobFilterMaxBytes, 'a')}) {
    EXPECT_THAT(JobFilter::Parse(text),
                StatusIs(Code::kInvalidArgument, StartsWith("Field: filter Error: ")))
        << text;
  }
}

TEST(JobFilter, HasALimitOfTerms) {
  std::string text = "jobId:a";
  for (size_t i = 1; i < kJobFilterMaxTerms; ++i) text += " AND jobId:a";
  EXPECT_TRUE(JobFilter::Parse(text).ok());
  EXPECT_FALSE(JobFilter::Parse(text + " AND jobId:a").ok());
}

}  // namespace
}  // namespace hodei::jobs
