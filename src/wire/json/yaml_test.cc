#include "wire/json/yaml.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"
#include "google/cloud/ml/v1/job.pb.h"

namespace hodei::wire {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::TrainingInput;
using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Yaml, FillsEveryKindOfField) {
  Job job;
  ASSERT_THAT(ParseYaml(R"(
# a comment
job_id: j1
trainingInput:
  scale_tier: custom
  worker_count: 2
  args: ["--x", 'y z']
  scheduling: {max_running_time: 3600s, priority: 7}
  hyperparameters:
    params:
      - parameter_name: rate
        min_value: 0.5
      - parameter_name: depth
  enable_web_access: true
labels:
  team: a
  "quoted": ""
create_time: 2024-05-01T10:00:00Z
)",
                        &job),
              IsOk());
  EXPECT_EQ(job.job_id(), "j1");
  const TrainingInput& input = job.training_input();
  EXPECT_EQ(input.scale_tier(), TrainingInput::CUSTOM);
  EXPECT_EQ(input.worker_count(), 2);
  EXPECT_THAT(input.args(), ElementsAre("--x", "y z"));
  EXPECT_EQ(input.scheduling().max_running_time().seconds(), 3600);
  ASSERT_EQ(input.hyperparameters().params_size(), 2);
  EXPECT_EQ(input.hyperparameters().params(0).min_value(), 0.5);
  EXPECT_TRUE(input.enable_web_access());
  EXPECT_EQ(job.labels().at("team"), "a");
  EXPECT_EQ(job.labels().count("quoted"), 1u);
  EXPECT_EQ(job.create_time().seconds(), 1714557600);
}

TEST(Yaml, EmptyDocumentIsAnEmptyMessage) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n", "~"}) {
    Job job;
    job.set_job_id("old");
    EXPECT_THAT(ParseYaml(text, &job), IsOk()) << text;
    EXPECT_EQ(job.job_id(), "") << text;
  }
}

TEST(Yaml, NamesTheLineAndTheProblem) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case kCases[] = {
      {"job_id: a\nnope: 1\n", "line 2: unknown key 'nope'; Job has job_id"},
      {"training_input:\n  job_dir: x\n  jobDirr: y\n", "line 3: unknown key 'jobDirr'"},
      {"job_id: a\njobId: b\n", "line 2: 'jobId' is given twice"},
      {"job_id: [a]\n", "line 1: 'job_id' takes string, got a list"},
      {"training_input: 5\n", "line 1: expected the keys of TrainingInput, got \"5\""},
      {"training_input:\n  worker_count: many\n",
       "line 2: 'worker_count' takes int64, got \"many\""},
      {"training_input:\n  args: x\n", "line 2: 'args' takes a list, got \"x\""},
      {"training_input:\n  scale_tier: HUGE\n",
       "line 2: 'scale_tier' takes one of BASIC, STANDARD_1"},
      {"training_input:\n  scheduling: {max_running_time: 10}\n", "takes Duration, got \"10\""},
      {"training_input:\n  enable_web_access: yes\n",
       "'enable_web_access' takes bool, got \"yes\""},
      {"labels: {a: b, a: c}\n", "'a' is given twice"},
      {"labels: [a]\n", "'labels' takes keys and values, got a list"},
      {"- a\n", "line 1: expected the keys of Job, got a list"},
      {"a: b: c\n", "line 1:"},
      {"a: 'x\n", "line "},
  };
  for (const Case& c : kCases) {
    Job job;
    EXPECT_THAT(ParseYaml(c.text, &job), StatusIs(Code::kInvalidArgument, HasSubstr(c.message)))
        << c.text;
  }
}

TEST(Yaml, AliasBombIsRefused) {
  std::string text = "a0: &a0 {parameter_name: x}\n";
  text = "training_input:\n  hyperparameters:\n    params: &p\n";
  for (int i = 0; i < 100; ++i) text += "      - {parameter_name: x}\n";
  Job job;
  EXPECT_THAT(ParseYaml(text, &job), IsOk());

  // 40 levels of lists, each naming the one before ten times.
  text = "x: &l0 [a,a]\n";
  for (int i = 1; i < 40; ++i) {
    text += "x" + std::to_string(i) + ": &l" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) text += (k ? ",*l" : "*l") + std::to_string(i - 1);
    text += "]\n";
  }
  EXPECT_THAT(ParseYaml(text, &job), StatusIs(Code::kInvalidArgument));
}

TEST(Yaml, DepthAndSizeAreBounded) {
  Job job;
  EXPECT_THAT(ParseYaml(std::string(100'000, '['), &job), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(ParseYaml(std::string(5 * 1024 * 1024, ' '), &job),
              StatusIs(Code::kInvalidArgument, HasSubstr("longer than")));
}

}  // namespace
}  // namespace hodei::wire
