// A replica with GPUs on a machine that has some: /dev is made by hand, in a mount namespace.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <string>
#include <vector>

#include "exec/local/testing/local_harness.h"
#include "exec/testing/child_verdict.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

// Whatever the driver answers, or that there is none: only these say that the way is closed.
constexpr char kOpenDevices[] =
    "import errno, os\n"
    "for name in ('nvidia1', 'nvidiactl', 'nvidia0', 'nvidia2', 'loop-control'):\n"
    "  try: os.open('/dev/' + name, os.O_RDWR); answer = 'open'\n"
    "  except OSError as e:\n"
    "    closed = e.errno in (errno.ENOENT, errno.EPERM, errno.EACCES)\n"
    "    answer = 'closed' if closed else 'open'\n"
    "  print(name, answer, flush=True)\n";

bool MakeNode(const std::string& name, dev_t device) {
  const std::string path = "/dev/" + name;
  return mknod(path.c_str(), S_IFCHR, device) == 0 && chmod(path.c_str(), 0666) == 0;
}

// This process's own /dev: what the executor needs of the real one, and three GPUs.
bool EnterFakeMachine() {
  const char* kept[] = {"null", "zero", "full", "random", "urandom", "tty", "loop-control", "fuse"};
  std::vector<std::pair<const char*, dev_t>> nodes;
  for (const char* name : kept) {
    struct stat st {};
    if (stat((std::string("/dev/") + name).c_str(), &st) == 0) nodes.emplace_back(name, st.st_rdev);
  }
  if (unshare(CLONE_NEWNS) != 0 ||
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("dev", "/dev", "tmpfs", MS_NOSUID, "mode=0755") != 0) {
    return false;
  }
  for (const auto& [name, device] : nodes) {
    if (!MakeNode(name, device)) return false;
  }
  for (const unsigned number : {0U, 1U, 2U}) {
    if (!MakeNode("nvidia" + std::to_string(number), makedev(195, number))) return false;
  }
  return MakeNode("nvidiactl", makedev(195, 255));
}

class GpuReplica : public LocalExecutorTest {
 public:
  // "needs …" when this machine cannot run it.
  std::string OpenedDevices(const std::vector<std::string>& gpus) {
    if (!EnterFakeMachine()) return "needs root and the right to make device nodes";
    harness_ = MakeLocalHarness();
    if (!harness_->SkipReason().empty()) return "needs " + harness_->SkipReason();
    NeedsTierA();
    if (!skip_.empty()) return skip_;
    Listen();
    ReplicaSpec spec = local().Shell("gpu", "");
    spec.argv = {"/usr/bin/python3", "-c", kOpenDevices};
    spec.resources.gpus = gpus;
    std::string found;
    for (const std::string& gpu : executor().capabilities().gpus) found += gpu + " ";
    RunToEnd(spec);
    found += Logs("gpu").text;
    TearDown();
    return found;
  }

 private:
  void TestBody() override {}
};

// In a child, whose mounts are its own.
std::string OnAFakeMachine(const std::vector<std::string>& gpus) {
  return ChildVerdict([&] { return GpuReplica().OpenedDevices(gpus); });
}

TEST(GpuDevicesTest, AReplicaOpensItsOwnGpusAndNoOther) {
  const std::string verdict = OnAFakeMachine({"1"});
  if (verdict.starts_with("needs")) GTEST_SKIP() << verdict;  // says what is missing here
  EXPECT_EQ(verdict,
            "0 1 2 nvidia1 open\nnvidiactl open\nnvidia0 closed\nnvidia2 closed\n"
            "loop-control closed\n");
}

TEST(GpuDevicesTest, AReplicaWithoutGpusSeesNone) {
  const std::string verdict = OnAFakeMachine({});
  if (verdict.starts_with("needs")) GTEST_SKIP() << verdict;  // says what is missing here
  EXPECT_EQ(verdict,
            "0 1 2 nvidia1 closed\nnvidiactl closed\nnvidia0 closed\nnvidia2 closed\n"
            "loop-control closed\n");
}

}  // namespace
}  // namespace hodei::exec
