// What a replica may take of the machine, tried by programs that want more (T10 to T14).
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/testing/status_matchers.h"
#include "exec/local/testing/local_harness.h"
#include "exec/sandbox/cgroup.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::testing::HasSubstr;

class ReplicaLimitsTest : public LocalExecutorTest {
 protected:
  ReplicaSpec Python(const std::string& id, const std::string& script) {
    ReplicaSpec spec = local().Shell(id, "");
    spec.argv = {"/usr/bin/python3", "-c", script};
    return spec;
  }
  // How often the quota made it wait.
  int64_t ThrottledPeriods(const std::vector<CgroupDirectory>& cgroups) {
    for (const CgroupDirectory& cgroup : cgroups) {
      const auto text = ReadFile(cgroup.path + "/cpu.stat", 4096);
      const size_t at = text.ok() ? text->find("nr_throttled ") : std::string::npos;
      if (at != std::string::npos) return std::atoll(text->c_str() + at + 13);
    }
    return 0;
  }
};

// T11: memory.
TEST_P(ReplicaLimitsTest, MemoryHogEndsWithItsCause) {
  NEEDS_TIER_A();
  ReplicaSpec spec = local().Shell("hog", "sleep 1000 & head -c 1G /dev/zero | tail; sleep 1000");
  spec.resources.memory_bytes = 64 << 20;
  const auto end = RunToEnd(spec);
  EXPECT_TRUE(end.exit.out_of_memory);
  EXPECT_GT(end.exit.peak_memory_bytes, 32 << 20);
}

// T11: memory that is in no process's heap. Python ends with 9 if the kernel let it take
// everything.
constexpr char kMemfd[] =
    "import os\n"
    "f = os.memfd_create('hog')\n"
    "for i in range(1024): os.write(f, bytes(1 << 20))\n"
    "os._exit(9)\n";
// In one folder after the other, for each has a size of its own; what they hold counts together.
constexpr char kMemoryFolders[] =
    "import os\n"
    "for folder in ('/dev/shm', '/dev', '/run', '/'):\n"
    "  try:\n"
    "    with open(folder + '/hog', 'wb', buffering=0) as f:\n"
    "      for i in range(1024): f.write(bytes(1 << 20))\n"
    "  except OSError as e: print(folder, os.strerror(e.errno), flush=True)\n"
    "heap = [bytearray(1 << 20) for i in range(1024)]\n"
    "os._exit(9)\n";

TEST_P(ReplicaLimitsTest, AnonymousFilesCountAgainstTheReplicasMemory) {
  NEEDS_TIER_A();
  ReplicaSpec spec = Python("memfd", kMemfd);
  spec.resources.memory_bytes = 96 << 20;
  const auto end = RunToEnd(spec);
  EXPECT_TRUE(end.exit.out_of_memory) << Logs("memfd").text;
  EXPECT_NE(end.exit.exit_code, 9);
  EXPECT_LE(end.exit.peak_memory_bytes, 96 << 20);
}

TEST_P(ReplicaLimitsTest, FoldersInMemoryCountAgainstTheReplicasMemory) {
  NEEDS_TIER_A();
  ReplicaSpec spec = Python("tmpfs", kMemoryFolders);
  spec.resources.memory_bytes = 96 << 20;
  const auto end = RunToEnd(spec);
  EXPECT_TRUE(end.exit.out_of_memory) << Logs("tmpfs").text;
  EXPECT_NE(end.exit.exit_code, 9);
  EXPECT_THAT(Logs("tmpfs").text, HasSubstr("/dev/shm No space left on device\n"));
  EXPECT_LE(end.exit.peak_memory_bytes, 96 << 20);
}

// What the kernel can take back is no reason to end a job.
TEST_P(ReplicaLimitsTest, FilesInThePageCacheStayWithinTheLimitAndHarmNobody) {
  NEEDS_TIER_A();
  ReplicaSpec spec = local().Shell("cache",
                                   "for i in 1 2 3 4; do head -c 48M /dev/zero > /work/big && "
                                   "cat /work/big > /tmp/copy && rm /work/big /tmp/copy; done");
  spec.resources.memory_bytes = 48 << 20;
  spec.resources.scratch_bytes = 128 << 20;
  const auto end = RunToEnd(spec);
  EXPECT_EQ(end.exit.exit_code, 0) << Logs("cache").text;
  EXPECT_FALSE(end.exit.out_of_memory);
  EXPECT_LE(end.exit.peak_memory_bytes, 48 << 20);
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

TEST_P(ReplicaLimitsTest, FilesWithoutBytesEndWithTheInodes) {
  NEEDS_TIER_A();
  const auto end = RunToEnd(Python("inodes",
                                   "import errno, os\n"
                                   "for i in range(10_000_000):\n"
                                   "  try: os.close(os.open('/work/%d' % i, os.O_CREAT))\n"
                                   "  except OSError as e:\n"
                                   "    print(e.errno == errno.ENOSPC, i > 1000, flush=True)\n"
                                   "    os._exit(6)\n"));
  EXPECT_EQ(end.exit.exit_code, 6);
  EXPECT_EQ(Logs("inodes").text, "True True\n");
  EXPECT_TRUE(end.exit.disk_full);
  EXPECT_EQ(RunShell("neighbour", "echo x > /work/x").exit.exit_code, 0);
}

TEST_P(ReplicaLimitsTest, DeletedFilesCountWhileTheyAreOpenAndAreFreed) {
  NEEDS_TIER_A();
  const auto end = RunToEnd(Python("deleted",
                                   "import errno, os\n"
                                   "def fill():\n"
                                   "  f = os.open('/work/gone', os.O_CREAT | os.O_WRONLY)\n"
                                   "  os.unlink('/work/gone')\n"
                                   "  size = 0\n"
                                   "  try:\n"
                                   "    while True: size += os.write(f, bytes(1 << 20))\n"
                                   "  except OSError as e: assert e.errno == errno.ENOSPC\n"
                                   "  return f, size\n"
                                   "f, first = fill()\n"
                                   "_, more = fill()\n"
                                   "os.close(f)\n"
                                   "_, again = fill()\n"
                                   "print(32 << 20 < first < 64 << 20, more < 1 << 20,\n"
                                   "      again + (1 << 20) >= first)\n"));
  EXPECT_EQ(end.exit.exit_code, 0);
  EXPECT_EQ(Logs("deleted").text, "True True True\n");
}

// The volume's image has no name; with the loop device that holds it, its blocks are free.
TEST_P(ReplicaLimitsTest, TheMachineGetsTheDiskBackWhenTheReplicaEnds) {
  NEEDS_TIER_A();
  ASSERT_THAT(executor().Start(local().Shell("back",
                                             "head -c 600M /dev/zero > /work/big; "
                                             "exec sleep 1000")),
              IsOk());
  const auto running = Await("back", ReplicaPhase::kRunning);
  struct stat work {};
  ASSERT_EQ(stat(fmt::format("/proc/{}/root/work", running.pid).c_str(), &work), 0);
  const std::string backing =
      fmt::format("/sys/dev/block/{}:{}/loop/backing_file", major(work.st_dev), minor(work.st_dev));
  const auto image = ReadFile(backing, 4096);
  ASSERT_THAT(image, IsOk());
  EXPECT_THAT(*image, HasSubstr("(deleted)"));
  ASSERT_THAT(executor().Stop("back", true), IsOk());
  Await("back", ReplicaPhase::kExited);
  // The device may serve somebody else by then, but not this image.
  EXPECT_TRUE(Eventually([&] { return ReadFile(backing, 4096).value_or("") != *image; }));
}

TEST_P(ReplicaLimitsTest, ACrashLeavesNoCore) {
  const auto end = RunShell("core", "ulimit -c unlimited; cd /work; sh -c 'kill -ABRT $$'; ls -A");
  EXPECT_THAT(Logs("core").text, ::testing::Not(HasSubstr("core\n")));
  EXPECT_EQ(end.exit.exit_code, 0);
}

// So little that it gets it, and is held, on a machine with a lot else to do as well.
constexpr int64_t kSpinMillis = 60;

// T13: as many threads as it likes, at the highest priority it gets: its quota and no more. The
// kernel's count of throttled periods says that the quota held it, not a busy machine.
TEST_P(ReplicaLimitsTest, SpinningThreadsGetTheirQuotaAndNoMore) {
  NEEDS_TIER_A();
  ReplicaSpec spec = Python("spin",
                            "import os\n"
                            "def refused(call):\n"
                            "  try: call()\n"
                            "  except OSError: return True\n"
                            "print(refused(lambda: os.nice(-5)), refused(lambda:\n"
                            "  os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))),\n"
                            "  flush=True)\n"
                            "for i in range(3): os.fork()\n"
                            "while True: pass\n");
  spec.resources.cpu_millis = kSpinMillis;
  ASSERT_THAT(executor().Start(spec), IsOk());
  ASSERT_EQ(Await("spin", ReplicaPhase::kRunning).phase, ReplicaPhase::kRunning);
  const std::vector<CgroupDirectory> cgroups = Plan("spin").cgroups;
  ASSERT_TRUE(Eventually([&] { return ThrottledPeriods(cgroups) >= 2; }));
  const int64_t used_before = ReadUsage(cgroups).cpu_nanos;
  const auto before = std::chrono::steady_clock::now();
  const int64_t periods_before = ThrottledPeriods(cgroups);
  ASSERT_TRUE(Eventually([&] { return ThrottledPeriods(cgroups) >= periods_before + 40; }));
  const int64_t used = ReadUsage(cgroups).cpu_nanos - used_before;
  const auto elapsed = (std::chrono::steady_clock::now() - before).count();
  // A quota may be used up at both ends of the stretch; else within 5 %.
  constexpr int64_t kPeriodNanos = 100'000'000;
  EXPECT_LE(used, (elapsed + kPeriodNanos) * kSpinMillis / 1000 * 105 / 100);
  ASSERT_THAT(executor().Stop("spin", true), IsOk());
  Await("spin", ReplicaPhase::kExited);
  EXPECT_EQ(Logs("spin").text, "True True\n");
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
