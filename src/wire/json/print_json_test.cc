#include "wire/json/print_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <limits>

#include "base/testing/status_matchers.h"
#include "google/cloud/ml/v1/explanation.pb.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/operation.pb.h"
#include "google/logging/v2/logging.pb.h"
#include "wire/json/field_selection.h"

namespace hodei::wire {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::ListJobsResponse;
using hodei::testing::StatusIs;

Job ExampleJob() {
  Job job;
  job.set_job_id("j1");
  auto& input = *job.mutable_training_input();
  input.set_scale_tier(google::cloud::ml::v1::TrainingInput::CUSTOM);
  input.set_worker_count(2);
  input.add_args("--x");
  input.add_args("1");
  job.mutable_create_time()->set_seconds(1714557600);
  job.set_state(Job::QUEUED);
  (*job.mutable_labels())["b"] = "2";
  (*job.mutable_labels())["a"] = "1";
  return job;
}

TEST(PrintJson, WritesTheProtoMapping) {
  EXPECT_EQ(
      PrintJson(ExampleJob()),
      R"({"jobId":"j1","trainingInput":{"scaleTier":"CUSTOM","workerCount":"2","args":["--x","1"]},)"
      R"("createTime":"2024-05-01T10:00:00Z","state":"QUEUED","labels":{"a":"1","b":"2"}})");
}

TEST(PrintJson, EmptyMessageIsEmptyObject) {
  EXPECT_EQ(PrintJson(ListJobsResponse()), "{}");
  EXPECT_EQ(PrintJson(ListJobsResponse(), {.pretty = true}), "{}\n");
  Job job;
  job.mutable_training_output();
  EXPECT_EQ(PrintJson(job), R"({"trainingOutput":{}})");
}

TEST(PrintJson, PrettyIsTwoSpacesALevel) {
  EXPECT_EQ(PrintJson(ExampleJob(), {.pretty = true}), R"({
  "jobId": "j1",
  "trainingInput": {
    "scaleTier": "CUSTOM",
    "workerCount": "2",
    "args": [
      "--x",
      "1"
    ]
  },
  "createTime": "2024-05-01T10:00:00Z",
  "state": "QUEUED",
  "labels": {
    "a": "1",
    "b": "2"
  }
}
)");
}

TEST(PrintJson, ProtoNamesOnDemand) {
  EXPECT_EQ(PrintJson(ExampleJob().training_input(), {.proto_names = true}),
            R"({"scale_tier":"CUSTOM","worker_count":"2","args":["--x","1"]})");
}

TEST(PrintJson, NumbersAreShortestAndSpecialOnesAreStrings) {
  const std::pair<double, const char*> kCases[] = {
      {5.0, "5"},
      {0.1, "0.1"},
      {-1.85, "-1.85"},
      {1e22, "1e+22"},
      {std::numeric_limits<double>::infinity(), "\"Infinity\""},
      {-std::numeric_limits<double>::infinity(), "\"-Infinity\""},
      {std::numeric_limits<double>::quiet_NaN(), "\"NaN\""},
  };
  for (const auto& [value, text] : kCases) {
    google::cloud::ml::v1::TrainingOutput output;
    output.set_consumed_ml_units(value);
    EXPECT_EQ(PrintJson(output), std::string("{\"consumedMLUnits\":") + text + "}");
  }
  google::cloud::ml::v1::SmoothGradConfig config;
  config.set_noise_sigma(0.1f);
  EXPECT_EQ(PrintJson(config), R"({"noiseSigma":0.1})");
}

TEST(PrintJson, TimesAndDurationsHaveTheFractionTheyNeed) {
  const std::tuple<int64_t, int, const char*> kTimes[] = {
      {0, 0, "1970-01-01T00:00:00Z"},
      {-1, 0, "1969-12-31T23:59:59Z"},
      {1714557600, 500'000'000, "2024-05-01T10:00:00.500Z"},
      {1714557600, 1'000, "2024-05-01T10:00:00.000001Z"},
      {1714557600, 1, "2024-05-01T10:00:00.000000001Z"},
      {-62'135'596'800, 0, "0001-01-01T00:00:00Z"},
      {253'402'300'799, 0, "9999-12-31T23:59:59Z"},
      {std::numeric_limits<int64_t>::max(), -5, "9999-12-31T23:59:59Z"},
  };
  for (const auto& [seconds, nanos, text] : kTimes) {
    google::protobuf::Timestamp time;
    time.set_seconds(seconds);
    time.set_nanos(nanos);
    EXPECT_EQ(PrintJson(time), std::string("\"") + text + "\"");
  }
  const std::tuple<int64_t, int, const char*> kDurations[] = {
      {7200, 0, "7200s"},
      {0, 0, "0s"},
      {1, 500'000'000, "1.500s"},
      {0, -5'000, "-0.000005s"},
      {std::numeric_limits<int64_t>::min(), 0, "-315576000000s"}};
  for (const auto& [seconds, nanos, text] : kDurations) {
    google::protobuf::Duration duration;
    duration.set_seconds(seconds);
    duration.set_nanos(nanos);
    EXPECT_EQ(PrintJson(duration), std::string("\"") + text + "\"");
  }
}

// Clients of the log compare its timestamps as text.
TEST(PrintJson, AnnotatedTimesHaveAConstantNumberOfDigits) {
  google::logging::v2::LogEntry entry;
  entry.mutable_timestamp()->set_seconds(1714557600);
  EXPECT_EQ(PrintJson(entry), R"({"timestamp":"2024-05-01T10:00:00.000000000Z"})");
  entry.mutable_timestamp()->set_nanos(5'000'000);
  EXPECT_EQ(PrintJson(entry), R"({"timestamp":"2024-05-01T10:00:00.005000000Z"})");
}

TEST(PrintJson, StringsAreSafeInPagesAndTerminals) {
  const std::pair<std::string, const char*> kCases[] = {
      {"a\"b\\c", R"("a\"b\\c")"},
      {"\n\r\t\b\f", R"("\n\r\t\b\f")"},
      {std::string("\0\x1b\x7f", 3), R"("\u0000\u001b\u007f")"},
      {"<script>", R"("\u003cscript\u003e")"},
      {"é😀", "\"é😀\""},
      {"\u2028\u2029", R"("\u2028\u2029")"},
      {"\xff-\xc3", "\"\xEF\xBF\xBD-\xEF\xBF\xBD\""},
      {"\xed\xa0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
  };
  for (const auto& [text, printed] : kCases) {
    std::string out;
    AppendJsonString(text, &out);
    EXPECT_EQ(out, printed);
  }
}

TEST(PrintJson, WrappersAreBareAndUnknownAnyKeepsItsType) {
  google::protobuf::Int64Value number;
  number.set_value(7);
  EXPECT_EQ(PrintJson(number), "\"7\"");
  google::longrunning::Operation operation;
  operation.mutable_metadata()->set_type_url("type.googleapis.com/not.Linked");
  operation.mutable_metadata()->set_value("xyz");
  EXPECT_EQ(PrintJson(operation), R"({"metadata":{"@type":"type.googleapis.com/not.Linked"}})");
}

TEST(PrintJson, FieldsSelectAPartOfTheAnswer) {
  ListJobsResponse list;
  *list.add_jobs() = ExampleJob();
  list.set_next_page_token("t");
  const std::pair<const char*, const char*> kCases[] = {
      {"nextPageToken", R"({"nextPageToken":"t"})"},
      {"jobs/jobId", R"({"jobs":[{"jobId":"j1"}]})"},
      {"jobs(jobId,state),nextPageToken",
       R"({"jobs":[{"jobId":"j1","state":"QUEUED"}],"nextPageToken":"t"})"},
      {"jobs/training_input/worker_count", R"({"jobs":[{"trainingInput":{"workerCount":"2"}}]})"},
      {"jobs(trainingInput/args,labels/b)",
       R"({"jobs":[{"trainingInput":{"args":["--x","1"]},"labels":{"b":"2"}}]})"},
      {"jobs/labels", R"({"jobs":[{"labels":{"a":"1","b":"2"}}]})"},
      {"jobs/jobId,jobs/state", R"({"jobs":[{"jobId":"j1","state":"QUEUED"}]})"},
      {"jobs/trainingInput(args),jobs/trainingInput",
       R"({"jobs":[{"trainingInput":{"scaleTier":"CUSTOM","workerCount":"2","args":["--x","1"]}}]})"},
      {"*/jobId", R"({"jobs":[{"jobId":"j1"}],"nextPageToken":"t"})"},
      {"absent", "{}"},
  };
  for (const auto& [fields, printed] : kCases) {
    ASSERT_OK_AND_ASSIGN(const FieldSelection selection, FieldSelection::Parse(fields));
    EXPECT_EQ(PrintJson(list, {.fields = &selection}), printed) << fields;
  }
  ASSERT_OK_AND_ASSIGN(const FieldSelection all, FieldSelection::Parse("*"));
  EXPECT_EQ(PrintJson(list, {.fields = &all}), PrintJson(list));
}

TEST(FieldSelection, RefusesWhatItCannotRead) {
  for (const std::string text :
       {",", "a,", "a/", "/a", "a(", "a()", "a(b", "a)b", "a(b))", "()", "a(b)c"}) {
    EXPECT_THAT(FieldSelection::Parse(text), StatusIs(Code::kInvalidArgument)) << text;
  }
  std::string deep;
  for (int i = 0; i < FieldSelection::kDepthLimit; ++i) deep += "a/";
  EXPECT_TRUE(FieldSelection::Parse(deep + "a").ok());
  EXPECT_THAT(FieldSelection::Parse(deep + "a/a"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(FieldSelection::Parse(std::string(1'000'000, '(')), StatusIs(Code::kInvalidArgument));
  std::string wide = "a0";
  for (int i = 1; i < FieldSelection::kNameLimit; ++i) wide += ",a" + std::to_string(i);
  EXPECT_TRUE(FieldSelection::Parse(wide).ok());
  EXPECT_THAT(FieldSelection::Parse(wide + ",b"), StatusIs(Code::kInvalidArgument));
}

}  // namespace
}  // namespace hodei::wire
