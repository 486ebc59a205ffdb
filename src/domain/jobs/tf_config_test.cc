#include "domain/jobs/tf_config.h"

#include <gmock/gmock.h>

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::TrainingInput;
using ::testing::HasSubstr;
using ::testing::Not;

Attempt AttemptOf(std::initializer_list<std::pair<const char*, int>> roles) {
  Attempt attempt;
  attempt.set_number(1);
  for (const auto& [role, count] : roles) {
    for (int i = 0; i < count; ++i) {
      Replica* replica = attempt.add_replicas();
      replica->set_role(role);
      replica->set_index(i);
    }
  }
  return attempt;
}

TEST(TfConfig, SingleReplicaIsAClusterOfItself) {
  TrainingInput input;
  input.set_runtime_version("2.11");
  input.set_python_module("trainer.task");
  input.add_args("--a=\"b\"");
  const Attempt attempt = AttemptOf({{"master", 1}});
  const std::string host = ReplicaHostName("uid", 1, "master", 0);
  EXPECT_EQ(TfConfig(input, "uid", attempt, attempt.replicas(0)),
            R"({"cluster":{"chief":[")" + host +
                R"(:2222"]},"task":{"type":"chief","index":0},"job":{"scale_tier":"BASIC",)"
                R"("python_module":"trainer.task","args":["--a=\"b\""],"runtime_version":"2.11"},)"
                R"("environment":"cloud"})");
}

TEST(TfConfig, OldRuntimesCallTheFirstReplicaMaster) {
  EXPECT_EQ(ChiefName("1.15"), "master");
  EXPECT_EQ(ChiefName("1.4"), "master");
  EXPECT_EQ(ChiefName("2.1"), "chief");
  EXPECT_EQ(ChiefName("2.11"), "chief");
}

TEST(TfConfig, EvaluatorKnowsTheClusterButIsNotInIt) {
  TrainingInput input;
  input.set_runtime_version("1.15");
  const Attempt attempt = AttemptOf({{"master", 1}, {"worker", 2}, {"ps", 1}, {"evaluator", 1}});
  const std::string config = TfConfig(input, "uid", attempt, attempt.replicas(4));
  EXPECT_THAT(config, HasSubstr(R"("task":{"type":"evaluator","index":0})"));
  EXPECT_THAT(config, HasSubstr(R"("master":["cmle-training-master-)"));
  EXPECT_THAT(config, HasSubstr(ReplicaHostName("uid", 1, "worker", 1) + ":2222\"]"));
  EXPECT_THAT(config, Not(HasSubstr("\"evaluator\":[")));
}

TEST(TfConfig, HostNamesDifferBetweenAttempts) {
  EXPECT_NE(ReplicaHostName("uid", 1, "ps", 0), ReplicaHostName("uid", 2, "ps", 0));
  EXPECT_THAT(ReplicaHostName("uid", 1, "ps", 0),
              ::testing::MatchesRegex("cmle-training-ps-[0-9a-f]+-0"));
}

}  // namespace
}  // namespace hodei::jobs
