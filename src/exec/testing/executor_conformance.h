// What every Executor must do, as a parameterised suite. An implementation's test includes this,
// writes a harness and instantiates:
//   INSTANTIATE_TEST_SUITE_P(Local, ExecutorConformance, ::testing::Values(&MakeLocalHarness));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/testing/status_matchers.h"
#include "exec/testing/executor_harness.h"

namespace hodei::exec {

class ExecutorConformance : public ExecutorTest {};

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExecutorConformance);

TEST_P(ExecutorConformance, UnknownReplicaIsUnknownAndHarmlessToStopAndRemove) {
  ASSERT_OK_AND_ASSIGN(const ReplicaStatus status, executor().Observe("never-started"));
  EXPECT_EQ(status.phase, ReplicaPhase::kUnknown);
  EXPECT_EQ(status.id, "never-started");
  EXPECT_THAT(executor().Stop("never-started"), testing::IsOk());
  EXPECT_THAT(executor().Remove("never-started"), testing::IsOk());
}

TEST_P(ExecutorConformance, ExitCodeIsPassedThrough) {
  ASSERT_THAT(executor().Start(harness_->Exiting("exit-0", 0)), testing::IsOk());
  ASSERT_THAT(executor().Start(harness_->Exiting("exit-7", 7)), testing::IsOk());
  const ReplicaStatus good = Await("exit-0", ReplicaPhase::kExited);
  EXPECT_EQ(good.phase, ReplicaPhase::kExited);
  EXPECT_EQ(good.exit.exit_code, 0);
  EXPECT_EQ(good.exit.signal, 0);
  EXPECT_FALSE(good.exit.stopped);
  EXPECT_GT(good.exit.end_time.unix_nanos, 0);
  EXPECT_GE(good.exit.end_time, good.start_time);
  EXPECT_EQ(Await("exit-7", ReplicaPhase::kExited).exit.exit_code, 7);
}

TEST_P(ExecutorConformance, StartIsIdempotentEvenAfterTheEnd) {
  const ReplicaSpec spec = harness_->Exiting("twice", 3);
  ASSERT_THAT(executor().Start(spec), testing::IsOk());
  EXPECT_THAT(executor().Start(spec), testing::IsOk());
  const ReplicaStatus first = Await("twice", ReplicaPhase::kExited);
  EXPECT_THAT(executor().Start(spec), testing::IsOk());
  ASSERT_OK_AND_ASSIGN(const ReplicaStatus second, executor().Observe("twice"));
  EXPECT_EQ(second.phase, ReplicaPhase::kExited);
  EXPECT_EQ(second.exit.end_time, first.exit.end_time);
}

TEST_P(ExecutorConformance, RunningReplicaIsListedStoppedAndRemoved) {
  ASSERT_THAT(executor().Start(harness_->Lasting("lasting", false)), testing::IsOk());
  const ReplicaStatus running = Await("lasting", ReplicaPhase::kRunning);
  EXPECT_EQ(running.phase, ReplicaPhase::kRunning);
  EXPECT_GT(running.pid, 0);
  EXPECT_GT(running.start_time.unix_nanos, 0);
  EXPECT_THAT(executor().Remove("lasting"), testing::StatusIs(Code::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const auto all, executor().List());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].id, "lasting");
  EXPECT_THAT(executor().Stop("lasting"), testing::IsOk());
  const ReplicaStatus ended = Await("lasting", ReplicaPhase::kExited);
  EXPECT_EQ(ended.phase, ReplicaPhase::kExited);
  EXPECT_TRUE(ended.exit.stopped);
  EXPECT_THAT(executor().Stop("lasting"), testing::IsOk());
  EXPECT_THAT(executor().Remove("lasting"), testing::IsOk());
  EXPECT_THAT(executor().Remove("lasting"), testing::IsOk());
  ASSERT_OK_AND_ASSIGN(const ReplicaStatus gone, executor().Observe("lasting"));
  EXPECT_EQ(gone.phase, ReplicaPhase::kUnknown);
}

TEST_P(ExecutorConformance, ASocketThatIsNotThereIsNotOpened) {
  EXPECT_THAT(executor().OpenSocket("nobody", "s.sock"), testing::StatusIs(Code::kUnavailable));
  ASSERT_THAT(executor().Start(harness_->Lasting("silent", false)), testing::IsOk());
  Await("silent", ReplicaPhase::kRunning);
  EXPECT_THAT(executor().OpenSocket("silent", "s.sock"), testing::StatusIs(Code::kNotFound));
  EXPECT_THAT(executor().OpenSocket("silent", "../s.sock"),
              testing::StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(executor().Stop("silent", true), testing::IsOk());
  Await("silent", ReplicaPhase::kExited);
  EXPECT_THAT(executor().OpenSocket("silent", "s.sock"), testing::StatusIs(Code::kUnavailable));
}

TEST_P(ExecutorConformance, StopNowEndsAProgramThatIgnoresSigterm) {
  ASSERT_THAT(executor().Start(harness_->Lasting("stubborn", true)), testing::IsOk());
  Await("stubborn", ReplicaPhase::kRunning);
  EXPECT_THAT(executor().Stop("stubborn", true), testing::IsOk());
  const ReplicaStatus ended = Await("stubborn", ReplicaPhase::kExited);
  EXPECT_EQ(ended.phase, ReplicaPhase::kExited);
  EXPECT_TRUE(ended.exit.stopped);
}

TEST_P(ExecutorConformance, RefusesARelativeProgramAndABadId) {
  ReplicaSpec spec = harness_->Exiting("relative", 0);
  spec.argv[0] = "true";
  EXPECT_THAT(executor().Start(spec), testing::StatusIs(Code::kInvalidArgument));
  spec = harness_->Exiting("", 0);
  EXPECT_THAT(executor().Start(spec), testing::StatusIs(Code::kInvalidArgument));
}

TEST_P(ExecutorConformance, ReopenedExecutorAdoptsWithTheSamePid) {
  ASSERT_THAT(executor().Start(harness_->Lasting("adopted", false)), testing::IsOk());
  const ReplicaStatus before = Await("adopted", ReplicaPhase::kRunning);
  if (!harness_->Reopen()) GTEST_SKIP() << "this executor keeps no records";
  Listen();
  ASSERT_OK_AND_ASSIGN(const ReplicaStatus after, executor().Observe("adopted"));
  EXPECT_EQ(after.phase, ReplicaPhase::kRunning);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(after.start_time, before.start_time);
  EXPECT_THAT(executor().Stop("adopted"), testing::IsOk());
  EXPECT_TRUE(Await("adopted", ReplicaPhase::kExited).exit.stopped);
}

}  // namespace hodei::exec
