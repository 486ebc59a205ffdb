#include "exec/sandbox/cgroup.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "base/testing/status_matchers.h"
#include "exec/sandbox/process_identity.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;

// A folder that looks like a control group: the kernel's files, made by hand.
class CgroupTest : public ::testing::Test {
 protected:
  void Touch(const std::string& path, const std::string& text = "") {
    (void)MakeDirectories(path.substr(0, path.rfind('/'))).ok();
    std::ofstream(path) << text;
  }
  std::string Text(const std::string& path) { return ReadFile(path).value_or("absent"); }
  TemporaryDirectory dir_;
};

TEST_F(CgroupTest, PureV2TreeIsRecognisedWithWhatIsDelegated) {
  const std::string own = dir_.path() + "/user.slice";
  Touch(own + "/hodei-x/cgroup.procs");
  Touch(own + "/hodei-x/cgroup.subtree_control");
  Touch(own + "/cgroup.subtree_control");
  const CgroupLayout layout = DetectCgroups(
      "30 1 0:26 / " + dir_.path() + " rw - cgroup2 cgroup2 rw\n", "0::/user.slice\n", "hodei-x");
  EXPECT_EQ(layout.kind, CgroupKind::kV2);
  ASSERT_EQ(layout.parents.size(), 1u);
  EXPECT_EQ(layout.parents[0].path, own + "/hodei-x");
}

TEST_F(CgroupTest, HybridTreeHasOneParentPerControllerAndTellsWhatIsMissing) {
  for (const char* name : {"memory", "unified", "pids"}) {
    Touch(dir_.path() + "/" + name + "/hodei-x/cgroup.procs");
  }
  const std::string mounts = "30 1 0:26 / " + dir_.path() +
                             "/memory rw - cgroup cgroup rw,memory\n" + "31 1 0:27 / " +
                             dir_.path() + "/pids rw - cgroup cgroup rw,pids\n" + "32 1 0:28 / " +
                             dir_.path() + "/unified rw - cgroup2 cgroup2 rw\n";
  const CgroupLayout layout = DetectCgroups(mounts, "4:memory:/\n8:pids:/\n0::/\n", "hodei-x");
  EXPECT_EQ(layout.kind, CgroupKind::kHybrid);
  EXPECT_EQ(layout.parents.size(), 3u);
  EXPECT_THAT(layout.problems, ::testing::ElementsAre("cpu", "devices"));
}

TEST_F(CgroupTest, V2LimitsAreWritten) {
  const std::string group = dir_.path() + "/parent/job";
  for (const char* file :
       {"memory.max", "memory.swap.max", "memory.oom.group", "pids.max", "cpu.max"}) {
    Touch(group + "/" + file);
  }
  Touch(dir_.path() + "/parent/cgroup.events", "populated 0\nfrozen 0\n");
  Resources resources;
  resources.cpu_millis = 1500;
  resources.memory_bytes = 1 << 20;
  resources.pids = 7;
  ASSERT_THAT(CreateCgroups({{"unified", group}}, resources, {}), IsOk());
  EXPECT_EQ(Text(group + "/cpu.max"), "150000 100000");
  EXPECT_EQ(Text(group + "/memory.max"), "1048576");
  EXPECT_EQ(Text(group + "/memory.oom.group"), "1");
  EXPECT_EQ(Text(group + "/pids.max"), "7");
}

TEST_F(CgroupTest, ChildOfAFrozenGroupIsRefused) {
  Touch(dir_.path() + "/parent/cgroup.events", "populated 1\nfrozen 1\n");
  EXPECT_THAT(CreateCgroups({{"unified", dir_.path() + "/parent/job"}}, {}, {}),
              StatusIs(Code::kFailedPrecondition));
}

TEST_F(CgroupTest, UsageComesFromWhicheverVersionHasTheLimits) {
  Touch(dir_.path() + "/memory.peak", "4096\n");
  Touch(dir_.path() + "/memory.events", "low 0\nhigh 0\noom 2\noom_kill 3\n");
  Touch(dir_.path() + "/cpu.stat", "usage_usec 5\nuser_usec 4\n");
  const CgroupUsage usage = ReadUsage({{"unified", dir_.path()}});
  EXPECT_EQ(usage.peak_memory_bytes, 4096);
  EXPECT_EQ(usage.oom_kills, 3);
  EXPECT_EQ(usage.cpu_nanos, 5000);
}

TEST(ProcessIdentityTest, AProcessIsItsPidStartAndBoot) {
  ReplicaState self{getpid(), *StartTicks(getpid()), CurrentBootId(), StatePhase::kRunning, 0, {}};
  EXPECT_TRUE(OpenSupervisor(self));
  ReplicaState other = self;
  ++other.start_ticks;
  EXPECT_FALSE(OpenSupervisor(other));
  other = self;
  other.boot_id = "x";
  EXPECT_FALSE(OpenSupervisor(other));
}

TEST(ProcessIdentityTest, AskingForTheLockDoesNotTakeIt) {
  TemporaryDirectory dir;
  const auto first = OpenFile(dir.path() + "/lock", O_RDWR | O_CREAT);
  const auto second = OpenFile(dir.path() + "/lock", O_RDWR);
  EXPECT_FALSE(IsLocked(second->get()));
  EXPECT_TRUE(TryLock(first->get()));
  EXPECT_TRUE(IsLocked(second->get()));
  EXPECT_FALSE(TryLock(second->get()));
}

}  // namespace
}  // namespace hodei::exec
