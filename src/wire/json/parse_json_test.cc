#include "wire/json/parse_json.h"

#include <gmock/gmock.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/wrappers.pb.h>

#include <limits>
#include <string>

#include "base/testing/status_matchers.h"
#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/model.pb.h"
#include "google/cloud/ml/v1/operation.pb.h"
#include "google/cloud/ml/v1/trial.pb.h"
#include "google/iam/v1/policy.pb.h"
#include "wire/json/print_json.h"

namespace hodei::wire {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::Measurement;
using google::cloud::ml::v1::Model;
using google::cloud::ml::v1::OperationMetadata;
using google::cloud::ml::v1::TrainingInput;
using google::longrunning::Operation;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ParseJson, ReadsWhatGcloudSends) {
  Job job;
  ASSERT_THAT(ParseJson(R"({"jobId":"j1","labels":{"a":"b"},
 "trainingInput":{"args":["--epochs","3"],"enableWebAccess":false,"jobDir":"gs://bkt1/out/j1",
  "packageUris":["gs://bkt1/j1/x/trainer-0.0.0.tar.gz"],"pythonModule":"trainer.task",
  "pythonVersion":"3.7","region":"us-central1","runtimeVersion":"1.15","scaleTier":"CUSTOM",
  "workerCount":"2","parameterServerCount":3,
  "masterConfig":{"acceleratorConfig":{"count":"1","type":"NVIDIA_TESLA_T4"}},
  "scheduling":{"maxRunningTime":"7200.5s","maxWaitTime":"1800s"}}})",
                        &job),
              IsOk());
  const TrainingInput& input = job.training_input();
  EXPECT_EQ(job.job_id(), "j1");
  EXPECT_EQ(job.labels().at("a"), "b");
  EXPECT_THAT(input.args(), ElementsAre("--epochs", "3"));
  EXPECT_EQ(input.scale_tier(), TrainingInput::CUSTOM);
  EXPECT_EQ(input.worker_count(), 2);
  EXPECT_EQ(input.parameter_server_count(), 3);
  EXPECT_EQ(input.master_config().accelerator_config().count(), 1);
  EXPECT_EQ(input.scheduling().max_running_time().seconds(), 7200);
  EXPECT_EQ(input.scheduling().max_running_time().nanos(), 500'000'000);
}

// What a value may look like beside its plain form.
TEST(ParseJson, TakesEveryAllowedSpelling) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"job_id":"a"})", R"({"jobId":"a"})"},
      {R"({"training_input":{"worker_count":2}})", R"({"trainingInput":{"workerCount":"2"}})"},
      {R"({"trainingInput":{"workerCount":2.0}})", R"({"trainingInput":{"workerCount":"2"}})"},
      {R"({"trainingInput":{"workerCount":2e2}})", R"({"trainingInput":{"workerCount":"200"}})"},
      {R"({"trainingInput":{"workerCount":"-9223372036854775808"}})",
       R"({"trainingInput":{"workerCount":"-9223372036854775808"}})"},
      {R"({"trainingInput":{"workerCount":9223372036854775807}})",
       R"({"trainingInput":{"workerCount":"9223372036854775807"}})"},
      {R"({"trainingInput":{"scheduling":{"priority":"5"}}})",
       R"({"trainingInput":{"scheduling":{"priority":5}}})"},
      {R"({"trainingInput":{"scaleTier":5}})", R"({"trainingInput":{"scaleTier":"CUSTOM"}})"},
      {R"({"trainingInput":{"enableWebAccess":"true"}})",
       R"({"trainingInput":{"enableWebAccess":true}})"},
      {R"({"trainingOutput":{"consumedMLUnits":1}})",
       R"({"trainingOutput":{"consumedMLUnits":1}})"},
      {R"({"trainingOutput":{"consumed_ml_units":"1.5"}})",
       R"({"trainingOutput":{"consumedMLUnits":1.5}})"},
      {R"({"trainingOutput":{"consumedMLUnits":"NaN"}})",
       R"({"trainingOutput":{"consumedMLUnits":"NaN"}})"},
      {R"({"jobId":null,"trainingInput":null,"labels":null})", "{}"},
      {R"({"trainingInput":{"args":null}})", R"({"trainingInput":{}})"},
      {R"({"etag":"_-8"})", R"({"etag":"/+8="})"},
      {R"({"etag":"AQI="})", R"({"etag":"AQI="})"},
      {R"({"createTime":"2024-05-01T12:00:00.5+02:00"})",
       R"({"createTime":"2024-05-01T10:00:00.500Z"})"},
      {R"({"jobId":"a\u0000\ud83d\ude00"})", "{\"jobId\":\"a\\u0000😀\"}"},
      {" \n{ } ", "{}"},
  };
  for (const auto& [text, printed] : kCases) {
    Job job;
    EXPECT_THAT(ParseJson(text, &job), IsOk()) << text;
    EXPECT_EQ(PrintJson(job), printed) << text;
  }
}

// The texts are Google's; clients and people know them.
TEST(ParseJson, NamesWhatIsWrongAndWhere) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case kCases[] = {
      {R"({"x":1})",
       "Invalid JSON payload received. Unknown name \"x\" at 'job': Cannot find field."},
      {R"({"trainingInput":{"x":{"y":1}}})",
       "Invalid JSON payload received. Unknown name \"x\" at 'job.training_input': Cannot find "
       "field."},
      {R"({"trainingInput":{"hyperparameters":{"params":[{},{"q":1}]}}})",
       "Unknown name \"q\" at 'job.training_input.hyperparameters.params[1]': Cannot find field."},
      {R"({"trainingInput":{"workerCount":"many"}})",
       "Invalid value at 'job.training_input.worker_count' (TYPE_INT64), \"many\""},
      {R"({"trainingInput":{"workerCount":1.5}})",
       "Invalid value at 'job.training_input.worker_count' (TYPE_INT64), 1.5"},
      {R"({"trainingInput":{"workerCount":18446744073709551615}})",
       "(TYPE_INT64), 18446744073709551615"},
      {R"({"trainingInput":{"workerCount":"9223372036854775808"}})", "(TYPE_INT64)"},
      {R"({"trainingInput":{"workerCount":true}})", "(TYPE_INT64), true"},
      {R"({"trainingInput":{"workerCount":""}})", "(TYPE_INT64), \"\""},
      {R"({"trainingInput":{"workerCount":" 1"}})", "(TYPE_INT64), \" 1\""},
      {R"({"trainingInput":{"scheduling":{"priority":2147483648}}})", "(TYPE_INT32), 2147483648"},
      {R"({"trainingInput":{"scaleTier":"HUGE"}})",
       "Invalid value at 'job.training_input.scale_tier' "
       "(type.googleapis.com/google.cloud.ml.v1.TrainingInput.ScaleTier), \"HUGE\""},
      {R"({"trainingInput":{"scaleTier":99}})", "TrainingInput.ScaleTier), 99"},
      {R"({"trainingInput":{"scaleTier":"basic"}})", "TrainingInput.ScaleTier), \"basic\""},
      {R"({"jobId":5})", "Invalid value at 'job.job_id' (TYPE_STRING), 5"},
      {R"({"jobId":{}})", "(TYPE_STRING), Starting an object on a scalar field"},
      {R"({"jobId":["a"]})",
       "Unknown name \"jobId\" at 'job': Proto field is not repeating, cannot start list."},
      {R"({"trainingInput":"x"})",
       "Invalid value at 'job.training_input' "
       "(type.googleapis.com/google.cloud.ml.v1.TrainingInput), \"x\""},
      {R"({"trainingInput":{"args":"x"}})", "'job.training_input.args' (TYPE_STRING), \"x\""},
      {R"({"trainingInput":{"args":[null]}})", "'job.training_input.args[0]' (TYPE_STRING), null"},
      {R"({"trainingInput":{"args":[["x"]]}})", "Starting a list on a scalar field"},
      {R"({"trainingInput":{"enableWebAccess":1}})", "(TYPE_BOOL), 1"},
      {R"({"trainingInput":{"enableWebAccess":"yes"}})", "(TYPE_BOOL), \"yes\""},
      {R"({"trainingOutput":{"consumedMLUnits":"inf"}})", "(TYPE_DOUBLE), \"inf\""},
      {R"({"trainingOutput":{"consumedMLUnits":"1e999"}})", "(TYPE_DOUBLE)"},
      {R"({"labels":{"a":1}})", "Invalid value at 'job.labels[\"a\"]' (TYPE_STRING), 1"},
      {R"({"labels":[]})", "Unknown name \"labels\" at 'job'"},
      {R"({"labels":{"a":"1","a":"2"}})",
       "Unknown name \"a\" at 'job.labels': The map key is already set."},
      {R"({"etag":"***"})", "Base64 decoding failed for \"***\""},
      {R"({"createTime":"yesterday"})",
       "(type.googleapis.com/google.protobuf.Timestamp), \"yesterday\""},
      {R"({"createTime":5})", "(type.googleapis.com/google.protobuf.Timestamp), 5"},
      {R"({"trainingInput":{"scheduling":{"maxRunningTime":"5"}}})",
       "google.protobuf.Duration), \"5\""},
      {R"({"trainingInput":{"scheduling":{"maxRunningTime":"1.s"}}})", "google.protobuf.Duration)"},
      {R"({"trainingInput":{"scheduling":{"maxRunningTime":"--1s"}}})",
       "google.protobuf.Duration)"},
      {R"({"trainingInput":{"scheduling":{"maxRunningTime":"999999999999s"}}})",
       "google.protobuf.Duration)"},
      {R"({"jobId":"a","jobId":"b"})",
       "Unknown name \"jobId\" at 'job': The field is already set."},
      {R"({"jobId":"a","job_id":"b"})",
       "Unknown name \"job_id\" at 'job': The field is already set."},
      {R"({"trainingInput":{},"predictionInput":{}})",
       "Invalid value at 'job' (oneof), oneof field 'input' is already set. Cannot set "
       "'predictionInput'"},
      {"", "Invalid JSON payload received. Unexpected end of string."},
      {"  ", "Invalid JSON payload received. Unexpected"},
      {"{", "Invalid JSON payload received. Unexpected token."},
      {"{\"jobId\":}", "Invalid JSON payload received. Unexpected token."},
      {"{\"jobId\":\"a}", "Unexpected token: a string"},
      {"{\"jobId\":\"\\ud800\"}", "Unexpected token: a string"},
      {"{\"jobId\":\"a\x01\"}", "Unexpected token: a string"},
      {"{\"jobId\":\"\xff\"}", "not valid UTF-8"},
      {"{\"jobId\":01}", "Unexpected token"},
      {"{\"jobId\":NaN}", "Unexpected token"},
      {"{\"jobId\":\"a\"} x", "Unexpected token"},
      {"{'jobId':'a'}", "Unexpected token"},
      {"{\"jobId\":\"a\",}", "Unexpected token"},
  };
  for (const Case& c : kCases) {
    Job job;
    EXPECT_THAT(ParseJson(c.text, &job, {.path = "job"}),
                StatusIs(Code::kInvalidArgument, HasSubstr(c.message)))
        << c.text;
  }
}

TEST(ParseJson, RootMustBeAnObject) {
  for (const char* text : {"[]", "5", "\"x\"", "null", "true"}) {
    Job job;
    EXPECT_THAT(ParseJson(text, &job),
                StatusIs(Code::kInvalidArgument,
                         HasSubstr("Unknown name \"\": Root element must be a message.")))
        << text;
  }
}

TEST(ParseJson, ReportsEveryWrongFieldUpToTheLimit) {
  Job job;
  const Status two = ParseJson(R"({"x":1,"trainingInput":{"y":2}})", &job, {.path = "job"});
  EXPECT_THAT(two.violations(),
              ElementsAre(FieldViolation{"job",
                                         "Invalid JSON payload received. Unknown name \"x\" at "
                                         "'job': Cannot find field."},
                          FieldViolation{"job.training_input",
                                         "Invalid JSON payload received. Unknown name \"y\" at "
                                         "'job.training_input': Cannot find field."}));
  EXPECT_EQ(std::count(two.message().begin(), two.message().end(), '\n'), 1);

  std::string many = "{";
  for (int i = 0; i < 1000; ++i) many += (i ? ",\"f" : "\"f") + std::to_string(i) + "\":1";
  EXPECT_EQ(ParseJson(many + "}", &job).violations().size(), kViolationLimit);
}

TEST(ParseJson, ErrorsStaySmallWhenValuesAreHuge) {
  Job job;
  const std::string huge(1'000'000, 'x');
  EXPECT_LT(ParseJson("{\"" + huge + "\":1}", &job).message().size(), 1000u);
  EXPECT_LT(ParseJson("{\"createTime\":\"" + huge + "\"}", &job).message().size(), 1000u);
}

TEST(ParseJson, UnknownNamesCanBeSkipped) {
  Job job;
  EXPECT_THAT(ParseJson(R"({"new":{"a":[1]},"jobId":"a"})", &job, {.ignore_unknown = true}),
              IsOk());
  EXPECT_EQ(job.job_id(), "a");
}

// T24: what nests without end is refused before anything recurses over it.
TEST(ParseJson, DepthIsBounded) {
  google::protobuf::Struct out;
  const auto nested = [](int levels) {
    return "{\"a\":" + std::string(levels, '[') + std::string(levels, ']') + "}";
  };
  EXPECT_THAT(ParseJson(nested(62), &out), IsOk());
  EXPECT_THAT(ParseJson(nested(64), &out),
              StatusIs(Code::kInvalidArgument, HasSubstr("Nesting deeper than 64 levels")));
  EXPECT_THAT(ParseJson(nested(1'000'000), &out), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ParseJson("{\"a\":" + std::string(1'000'000, '['), &out),
              StatusIs(Code::kInvalidArgument));
}

TEST(ParseJson, SizeAndNumberOfValuesAreBounded) {
  Job job;
  EXPECT_THAT(ParseJson("{}   ", &job, {.size_limit_bytes = 5}), IsOk());
  EXPECT_THAT(ParseJson("{}    ", &job, {.size_limit_bytes = 5}),
              StatusIs(Code::kInvalidArgument, HasSubstr("longer than 5 bytes")));
  // trainingInput, hyperparameters, params and two elements.
  const char* five = R"({"trainingInput":{"hyperparameters":{"params":[{},{}]}}})";
  EXPECT_THAT(ParseJson(five, &job, {.value_limit = 5}), IsOk());
  EXPECT_THAT(ParseJson(five, &job, {.value_limit = 4}),
              StatusIs(Code::kInvalidArgument, HasSubstr("More than 4 values")));
}

TEST(ParseJson, AnyFindsItsTypeByUrl) {
  Operation operation;
  const char* text =
      R"({"name":"projects/p/operations/o","metadata":{"operationType":"CREATE_VERSION",)"
      R"("@type":"type.googleapis.com/google.cloud.ml.v1.OperationMetadata","version":{"name":"v"}},)"
      R"("done":true,"response":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"3s"}})";
  ASSERT_THAT(ParseJson(text, &operation), IsOk());
  OperationMetadata metadata;
  ASSERT_TRUE(operation.metadata().UnpackTo(&metadata));
  EXPECT_EQ(metadata.version().name(), "v");
  EXPECT_EQ(
      PrintJson(operation),
      R"({"name":"projects/p/operations/o","metadata":{"@type":"type.googleapis.com/google.cloud.ml.v1.OperationMetadata",)"
      R"("operationType":"CREATE_VERSION","version":{"name":"v"}},"done":true,)"
      R"("response":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"3s"}})");

  EXPECT_THAT(ParseJson(R"({"metadata":{"a":1}})", &operation),
              StatusIs(Code::kInvalidArgument, HasSubstr("missing @type")));
  EXPECT_THAT(ParseJson(R"({"metadata":{"@type":"x/no.Such"}})", &operation),
              StatusIs(Code::kInvalidArgument, HasSubstr("unknown type \"x/no.Such\"")));
}

TEST(ParseJson, StructsHoldAnyValue) {
  google::protobuf::Struct out;
  const char* text = R"({"a":[1,"x",true,null,{"b":-2.5}],"z":{}})";
  ASSERT_THAT(ParseJson(text, &out), IsOk());
  EXPECT_EQ(PrintJson(out), text);
  EXPECT_THAT(ParseJson(R"({"a":1,"a":2})", &out), StatusIs(Code::kInvalidArgument));
}

// JavaScript writes 1e20 without an exponent, and so does our own printer.
TEST(ParseJson, IntegersBeyond64BitsAreNumbersToo) {
  google::protobuf::Struct out;
  ASSERT_THAT(ParseJson(R"({"a":100000000000000000000,"b":-9223372036854775809})", &out), IsOk());
  EXPECT_EQ(out.fields().at("a").number_value(), 1e20);
  EXPECT_EQ(out.fields().at("b").number_value(), -9223372036854775808.0);
  google::protobuf::Struct again;
  ASSERT_THAT(ParseJson(PrintJson(out), &again), IsOk());
  EXPECT_EQ(PrintJson(again), PrintJson(out));

  Job job;
  ASSERT_THAT(ParseJson(R"({"trainingOutput":{"completedTrialCount":9223372036854775807}})", &job),
              IsOk());
  EXPECT_EQ(job.training_output().completed_trial_count(), std::numeric_limits<int64_t>::max());
  EXPECT_THAT(
      ParseJson(R"({"trainingOutput":{"completedTrialCount":100000000000000000000}})", &job),
      StatusIs(Code::kInvalidArgument, HasSubstr("completed_trial_count")));
  const std::string beyond(400, '9');
  EXPECT_THAT(ParseJson("{\"a\":" + beyond + "}", &out),
              StatusIs(Code::kInvalidArgument, HasSubstr("a number is malformed or out of range")));
}

TEST(ParseJson, FieldMasksAreText) {
  google::iam::v1::SetIamPolicyRequest request;
  ASSERT_THAT(
      ParseJson(R"({"policy":{"etag":"AQI="},"updateMask":"bindings,auditConfigs"})", &request),
      IsOk());
  EXPECT_THAT(request.update_mask().paths(), ElementsAre("bindings", "audit_configs"));
  EXPECT_EQ(PrintJson(request),
            R"({"policy":{"etag":"AQI="},"updateMask":"bindings,auditConfigs"})");
}

TEST(ParseJson, ClearsWhatWasThere) {
  Job job;
  job.set_job_id("old");
  ASSERT_THAT(ParseJson("{}", &job), IsOk());
  EXPECT_EQ(job.job_id(), "");
}

}  // namespace
}  // namespace hodei::wire
