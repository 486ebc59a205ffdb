#include "exec/testing/fake_executor.h"

#include <csignal>

#include "base/testing/fake_clock.h"
#include "exec/testing/executor_conformance.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;

class FakeHarness : public ExecutorHarness {
 public:
  FakeHarness() {
    fake_.SetStartHook([this](const ReplicaSpec& spec) {
      if (spec.argv[0] == "/exit") fake_.Exit(spec.id, {.exit_code = std::stoi(spec.argv[1])});
    });
  }
  Executor& executor() override { return fake_; }
  ReplicaSpec Exiting(const std::string& id, int code) override {
    ReplicaSpec spec;
    spec.id = id;
    spec.argv = {"/exit", std::to_string(code)};
    return spec;
  }
  ReplicaSpec Lasting(const std::string& id, bool ignore_term) override {
    fake_.SetStopEnds(!ignore_term);
    ReplicaSpec spec;
    spec.id = id;
    spec.argv = {"/sleep"};
    return spec;
  }

 private:
  FakeExecutor fake_;
};

std::unique_ptr<ExecutorHarness> MakeFakeHarness() { return std::make_unique<FakeHarness>(); }

TEST(FakeExecutorTest, TestDrivesPhasesAndSeesSpecs) {
  FakeExecutor fake;
  fake.SetAutoRun(false);
  ReplicaSpec spec;
  spec.id = "r";
  spec.argv = {"/bin/true"};
  ASSERT_THAT(fake.Start(spec), IsOk());
  EXPECT_EQ(fake.Observe("r")->phase, ReplicaPhase::kStarting);
  EXPECT_TRUE(fake.Run("r"));
  EXPECT_EQ(fake.Observe("r")->phase, ReplicaPhase::kRunning);
  EXPECT_TRUE(fake.Lose("r"));
  EXPECT_EQ(fake.Observe("r")->phase, ReplicaPhase::kLost);
  EXPECT_FALSE(fake.Exit("r"));
  EXPECT_EQ(fake.specs().size(), 1u);
  EXPECT_EQ(fake.spec("r").argv[0], "/bin/true");
}

TEST(FakeExecutorTest, FailedStartStartsNothing) {
  FakeExecutor fake;
  fake.FailStarts(Unavailable("no room"));
  ReplicaSpec spec;
  spec.id = "r";
  spec.argv = {"/bin/true"};
  EXPECT_THAT(fake.Start(spec), StatusIs(Code::kUnavailable));
  EXPECT_EQ(fake.Observe("r")->phase, ReplicaPhase::kUnknown);
  EXPECT_THAT(fake.Start(spec), IsOk());
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Fake, ExecutorConformance, ::testing::Values(&MakeFakeHarness));

}  // namespace hodei::exec
