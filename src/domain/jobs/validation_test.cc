#include "domain/jobs/validation.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>

#include "base/testing/status_matchers.h"
#include "domain/jobs/job_name.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kGood[] = R"pb(
  job_id: "census_1"
  training_input {
    package_uris: "gs://bucket/trainer-0.1.tar.gz"
    python_module: "trainer.task"
    region: "us-central1"
    runtime_version: "2.11"
    python_version: "3.7"
  })pb";

constexpr char kCustom[] = R"pb(
  training_input { scale_tier: CUSTOM master_type: "n1-standard-4" })pb";

// kGood with `text` merged over it.
Job With(const std::string& text) {
  Job job;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(kGood, &job));
  EXPECT_TRUE(google::protobuf::TextFormat::MergeFromString(text, &job)) << text;
  return job;
}

Status Validate(const Job& job) { return ValidateJob(Machines::Published(), job); }

TEST(ValidateJob, AcceptsGoodJobs) {
  const std::string longest(kJobIdMaxBytes, 'a');
  for (const std::string& text :
       {std::string(), "job_id: \"" + longest + "\"",
        std::string("labels { key: \"a-b_1\" value: \"\" }"),
        std::string("training_input { scale_tier: PREMIUM_1 }"),
        std::string("training_input { scale_tier: CUSTOM master_type: \"complex_model_m_gpu\" "
                    "worker_type: \"standard\" worker_count: 3 }"),
        std::string(kCustom),
        std::string("training_input { scale_tier: CUSTOM master_type: \"n1-standard-4\" "
                    "master_config { accelerator_config { count: 2 type: NVIDIA_TESLA_T4 } "
                    "disk_config { boot_disk_type: \"pd-ssd\" boot_disk_size_gb: 200 } } }"),
        std::string("training_input { scheduling { priority: 1000 max_wait_time { seconds: 1800 } "
                    "max_running_time { seconds: 1 } } }"),
        std::string("training_input { job_dir: \"gs://bucket\" args: \"--x\" }"),
        std::string("state: FAILED error_message: \"output only\" job_position: 7")}) {
    EXPECT_THAT(Validate(With(text)), IsOk()) << text;
  }
}

TEST(ValidateJob, TellsTheWrongField) {
  struct Case {
    std::string text;
    std::string field;
  };
  const std::string custom = "training_input { scale_tier: CUSTOM ";
  const std::vector<Case> cases = {
      {"job_id: \"9bad\"", "job.job_id"},
      {"job_id: \"a-b\"", "job.job_id"},
      {"job_id: \"" + std::string(kJobIdMaxBytes + 1, 'a') + "\"", "job.job_id"},
      {"labels { key: \"Upper\" value: \"a\" }", "labels"},
      {"labels { key: \"1a\" value: \"a\" }", "labels"},
      {"labels { key: \"a\" value: \"B\" }", "labels"},
      {"labels { key: \"a\" value: \"" + std::string(64, 'b') + "\" }", "labels"},
      {"training_input { master_type: \"standard\" }", "master_type"},
      {"training_input { worker_count: 2 }", "worker_count"},
      {"training_input { master_config { accelerator_config { count: 1 type: NVIDIA_TESLA_T4 } } }",
       "master_config.accelerator_config"},
      {custom + "}", "master_type"},
      {custom + "master_type: \"n2-standard-4\" }", "master_type"},
      {custom + "master_type: \"n1-standard-4\" worker_count: 1 }", "worker_type"},
      {custom + "master_type: \"n1-standard-4\" worker_type: \"n1-standard-4\" }", "worker_count"},
      {custom + "master_type: \"n1-standard-4\" worker_count: -1 }", "worker_count"},
      {custom + "master_type: \"n1-standard-4\" worker_type: \"n1-standard-4\" worker_count: "
                "9223372036854775807 }",
       "worker_count"},
      {custom + "master_type: \"n1-standard-4\" worker_type: \"standard\" worker_count: 1 }",
       "master_type"},
      {custom + "master_type: \"n1-standard-4\" evaluator_type: \"n1-standard-4\" "
                "evaluator_count: 2 }",
       "evaluator_count"},
      {custom + "master_type: \"standard\" master_config { accelerator_config { count: 1 type: "
                "NVIDIA_TESLA_T4 } } }",
       "master_config.accelerator_config"},
      {custom + "master_type: \"n1-standard-4\" master_config { accelerator_config { count: 3 "
                "type: NVIDIA_TESLA_T4 } } }",
       "master_config.accelerator_config.count"},
      {custom + "master_type: \"n1-standard-4\" master_config { accelerator_config { count: 1 "
                "type: NVIDIA_TESLA_A100 } } }",
       "master_config.accelerator_config"},
      {custom + "master_type: \"n1-standard-4\" master_config { disk_config { boot_disk_type: "
                "\"nvme\" } } }",
       "master_config.disk_config.boot_disk_type"},
      {custom + "master_type: \"n1-standard-4\" master_config { disk_config { boot_disk_size_gb: "
                "-1 } } }",
       "master_config.disk_config.boot_disk_size_gb"},
      {"training_input { package_uris: \"http://x/y\" }", "package_uris[1]"},
      {"training_input { package_uris: \"gs://bucket/folder/\" }", "package_uris[1]"},
      {"training_input { package_uris: \"gs://bucket\" }", "package_uris[1]"},
      {"training_input { package_uris: \"gs://B/x\" }", "package_uris[1]"},
      {"training_input { python_module: \"../x\" }", "python_module"},
      {"training_input { python_module: \"a..b\" }", "python_module"},
      {"training_input { python_module: \"-c\" }", "python_module"},
      {"training_input { region: \"mars-1\" }", "region"},
      {"training_input { job_dir: \"/tmp/x\" }", "job_dir"},
      {"training_input { job_dir: \"gs://bucket/a\\nb\" }", "job_dir"},
      {"training_input { args: \"" + std::string(kArgsMaxBytes + 1, 'a') + "\" }", "args"},
      {"training_input { args: \"a\\000b\" }", "args"},
      {"training_input { args: \"a\" master_config { container_command: \"b\" } }", "args"},
      {"training_input { master_config { container_args: \"b\" } }", "master_config"},
      {"training_input { use_chief_in_tf_config: true }", "use_chief_in_tf_config"},
      {"training_input { master_config { image_uri: \"x\" } }", "runtime_version"},
      {"training_input { scheduling { priority: 1001 } }", "scheduling.priority"},
      {"training_input { scheduling { priority: -1 } }", "scheduling.priority"},
      {"training_input { scheduling { max_wait_time { seconds: 1799 } } }",
       "scheduling.max_wait_time"},
      {"training_input { scheduling { max_running_time { seconds: 0 } } }",
       "scheduling.max_running_time"},
      {"training_input { scheduling { max_running_time { seconds: 9223372036854775807 } } }",
       "scheduling.max_running_time"},
      {"training_input { hyperparameters { } }", "hyperparameters.params"},
      {"training_input { hyperparameters { params { parameter_name: \"a\" } } }",
       "hyperparameters.params[0].type"},
      {"training_input { hyperparameters { params { parameter_name: \"a\" type: DOUBLE } } }",
       "hyperparameters.params[0]"},
      {"training_input { hyperparameters { params { parameter_name: \"a\" type: INTEGER min_value: "
       "0.5 max_value: 2 } } }",
       "hyperparameters.params[0].min_value"},
      {"training_input { hyperparameters { params { parameter_name: \"a\" type: DOUBLE min_value: "
       "0 "
       "max_value: 2 scale_type: UNIT_LOG_SCALE } } }",
       "hyperparameters.params[0].min_value"},
      {"training_input { hyperparameters { params { parameter_name: \"a\" type: DISCRETE "
       "discrete_values: 2 discrete_values: 2 } } }",
       "hyperparameters.params[0].discrete_values"},
      {"training_input { hyperparameters { params { parameter_name: \"a\" type: CATEGORICAL } } }",
       "hyperparameters.params[0].categorical_values"},
      {"training_input { hyperparameters { algorithm: GRID_SEARCH params { parameter_name: \"a\" "
       "type: DOUBLE min_value: 0 max_value: 2 } } }",
       "hyperparameters.params[0].type"},
  };
  for (const Case& c : cases) {
    const Status status = Validate(With(c.text));
    EXPECT_THAT(status,
                StatusIs(Code::kInvalidArgument, HasSubstr("Field: " + c.field + " Error: ")))
        << c.text;
    EXPECT_FALSE(status.violations().empty());
  }
}

TEST(ValidateJob, MissingPartsAreToldTogether) {
  Job job;
  job.set_job_id("j");
  job.mutable_training_input();
  const Status status = Validate(job);
  for (const char* field : {"package_uris", "python_module", "region", "runtime_version"}) {
    EXPECT_THAT(status.message(), HasSubstr(std::string("Field: ") + field + " Error: "));
  }
  job.clear_input();
  EXPECT_THAT(Validate(job), StatusIs(Code::kInvalidArgument, HasSubstr("Exactly one of")));
}

TEST(ValidateJob, LimitsHoldAtTheLimit) {
  Job job = With("");
  for (int i = 0; i < kLabelsMax; ++i) (*job.mutable_labels())["k" + std::to_string(i)] = "v";
  for (int i = 1; i < kPackageUrisMax; ++i)
    job.mutable_training_input()->add_package_uris("gs://bkt/x");
  EXPECT_THAT(Validate(job), IsOk());
  (*job.mutable_labels())["one-more"] = "v";
  job.mutable_training_input()->add_package_uris("gs://bkt/x");
  EXPECT_THAT(Validate(job), StatusIs(Code::kInvalidArgument, HasSubstr("Field: labels ")));
  EXPECT_THAT(Validate(job), StatusIs(Code::kInvalidArgument, HasSubstr("Field: package_uris ")));
}

TEST(ValidateJob, WhatIsNotDoneIsUnimplemented) {
  const std::string custom = "training_input { scale_tier: CUSTOM ";
  for (const std::string& text :
       {std::string("training_input { enable_web_access: true }"),
        std::string("training_input { network: \"projects/1/global/networks/n\" }"),
        std::string("training_input { service_account: \"a@b\" }"),
        std::string("training_input { encryption_config { kms_key_name: \"k\" } }"),
        std::string("training_input { nas_job_spec { } }"),
        std::string("training_input { scale_tier: BASIC_TPU }"),
        custom + "master_type: \"standard\" worker_type: \"cloud_tpu\" worker_count: 1 }",
        std::string("training_input { hyperparameters { params { parameter_name: \"a\" type: "
                    "INTEGER min_value: 1 max_value: 2 } } }")}) {
    EXPECT_THAT(Validate(With(text)),
                StatusIs(Code::kUnimplemented, HasSubstr("not supported by this server")))
        << text;
  }
  Job image = With("training_input { master_config { image_uri: \"gcr.io/p/i\" } }");
  image.mutable_training_input()->clear_runtime_version();
  EXPECT_THAT(Validate(image),
              StatusIs(Code::kUnimplemented, HasSubstr("master_config.image_uri")));
  Job prediction;
  prediction.set_job_id("j");
  prediction.mutable_prediction_input();
  EXPECT_THAT(Validate(prediction), StatusIs(Code::kInvalidArgument, HasSubstr("prediction_input")));
}

TEST(ValidateJob, APredictionNamesItsInputItsOutputAndOneModel) {
  Job job;
  job.set_job_id("p1");
  auto* input = job.mutable_prediction_input();
  const Status nothing = ValidateJob(Machines::Published(), job);
  for (const char* field : {"data_format", "input_paths", "output_path", "region"}) {
    EXPECT_THAT(nothing.message(), ::testing::HasSubstr(field));
  }
  input->set_data_format(google::cloud::ml::v1::PredictionInput::TEXT);
  input->add_input_paths("gs://bucket/in*");
  input->set_output_path("gs://bucket/out");
  input->set_region("us-central1");
  EXPECT_THAT(ValidateJob(Machines::Published(), job).message(),
              ::testing::HasSubstr("Exactly one of model_name"));
  input->set_version_name("projects/p/models/m/versions/v");
  EXPECT_TRUE(ValidateJob(Machines::Published(), job).ok());
  input->add_input_paths("gs://bucket/a*b");
  input->set_batch_size(-1);
  const Status bad = ValidateJob(Machines::Published(), job);
  EXPECT_THAT(bad.message(), ::testing::HasSubstr("input_paths[1]"));
  EXPECT_THAT(bad.message(), ::testing::HasSubstr("batch_size"));
}

}  // namespace
}  // namespace hodei::jobs
