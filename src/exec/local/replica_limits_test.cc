// What a replica may take of the machine, tried by programs that want more (T10 to T14).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "base/testing/status_matchers.h"
#include "exec/local/testing/local_harness.h"
#include "exec/sandbox/cgroup.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::testing::HasSubstr;

class ReplicaLimitsTest : public LocalExecutorTest {};

// T11: memory.
TEST_P(ReplicaLimitsTest, MemoryHogEndsWithItsCause) {
  NEEDS_TIER_A();
  ReplicaSpec spec = local().Shell("hog", "sleep 1000 & head -c 1G /dev/zero | tail; sleep 1000");
  spec.resources.memory_bytes = 64 << 20;
  const auto end = RunToEnd(spec);
  EXPECT_TRUE(end.exit.out_of_memory);
  EXPECT_GT(end.exit.peak_memory_bytes, 32 << 20);
}

// T10: fork bomb.
TEST_P(ReplicaLimitsTest, ForkBombStaysWithinItsPids) {
  NEEDS_TIER_A();
  ReplicaSpec spec = local().Shell("bomb", "b() { b | b & }; b; sleep 0.5; exit 4");
  spec.resources.pids = 64;
  ASSERT_THAT(executor().Start(spec), IsOk());
  Await("bomb", ReplicaPhase::kRunning);
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  (void)executor().Stop("bomb", true);
  Await("bomb", ReplicaPhase::kExited);
  EXPECT_TRUE(CgroupsEmpty(Plan("bomb").cgroups));
}

// T12: disk.
TEST_P(ReplicaLimitsTest, FullScratchIsTheReplicasOwnTrouble) {
  NEEDS_TIER_A();
  const auto end = RunShell("disk", "head -c 200M /dev/zero > /work/big; echo; exit 6");
  EXPECT_EQ(end.exit.exit_code, 6);
  EXPECT_TRUE(end.exit.disk_full);
  EXPECT_THAT(Logs("disk").text, HasSubstr("No space left"));
}

// T14: floods. The supervisor's memory stays flat and the program is not held up.
TEST_P(ReplicaLimitsTest, LogFloodIsCappedAndCounted) {
  ReplicaSpec spec = local().Shell("flood", "yes | head -c 512M; echo done >&2");
  spec.log_bytes_limit = 8 << 20;
  ASSERT_THAT(executor().Start(spec), IsOk());
  const int64_t supervisor = State("flood").pid;
  Await("flood", ReplicaPhase::kRunning);
  int64_t most = 0;
  while (executor().Observe("flood")->phase == ReplicaPhase::kRunning) {
    const auto text = ReadFile(fmt::format("/proc/{}/statm", supervisor), 4096);
    if (!text.ok()) break;
    most = std::max<int64_t>(most, std::atoll(text->c_str() + text->find(' ')) * 4096);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(Await("flood", ReplicaPhase::kExited).exit.exit_code, 0);
  const Output logs = Logs("flood");
  EXPECT_GT(logs.dropped, int64_t{400} << 20);
  EXPECT_LT(logs.bytes_on_disk, 200 << 20);
  EXPECT_LT(most, 32 << 20) << "supervisor's memory";
}

TEST_P(ReplicaLimitsTest, EndlessLineIsCutAndBounded) {
  ReplicaSpec spec = local().Shell("line", "head -c 1G /dev/zero");
  spec.log_bytes_limit = 4 << 20;
  EXPECT_EQ(RunToEnd(spec).exit.exit_code, 0);
  EXPECT_GT(Logs("line").dropped, 900 << 20);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Local, ReplicaLimitsTest, ::testing::Values(&MakeLocalHarness));

}  // namespace hodei::exec
