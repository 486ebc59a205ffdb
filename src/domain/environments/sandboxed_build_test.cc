// Environments through the executor that replicas run on: its uids, mounts, limits and log
// segments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <cstdlib>
#include <fstream>

#include "base/digest.h"
#include "base/log_frame.h"
#include "domain/environments/built_environments.h"
#include "domain/environments/interpreter.h"
#include "exec/local/local_executor.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

using ::testing::HasSubstr;

class SandboxedBuildTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* bin = std::getenv("HODEI_BIN_DIR");
    auto executor =
        exec::OpenLocalExecutor({.dir = folder_.path() + "/exec", .bin_dir = bin ? bin : ""});
    if (!executor.ok() || FindInterpreters().empty()) {
      GTEST_SKIP() << "needs python3 and a working sandbox: " << executor.status();
    }
    executor_ = std::move(*executor);
    auto opened = BuiltEnvironments::Open(
        {.data_dir = folder_.path() + "/server", .interpreters = FindInterpreters()},
        executor_.get(), &SystemClock());
    ASSERT_TRUE(opened.ok()) << opened.status();
    environments_ = std::move(*opened);
    environments_->OnChange([this] { Notify(); });
    executor_->OnChange([this](const std::string& id) {
      environments_->ReplicaChanged(id);
      Notify();
    });
  }
  void TearDown() override {
    if (!executor_) return;
    executor_->OnChange(nullptr);
    environments_.reset();
    auto replicas = executor_->List();
    if (!replicas.ok()) return;
    for (const exec::ReplicaStatus& replica : *replicas) {
      (void)executor_->Stop(replica.id, /*now=*/true);
      (void)executor_->Remove(replica.id);
    }
  }

  void Notify() {
    std::lock_guard lock(mutex_);
    ++changes_;
    changed_.notify_all();
  }
  // Calls `done` after each change until it is true; false after five minutes.
  bool WaitFor(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(5);
    while (std::chrono::steady_clock::now() < deadline) {
      std::unique_lock lock(mutex_);
      const int seen = changes_;
      lock.unlock();
      if (done()) return true;
      lock.lock();
      changed_.wait_for(lock, std::chrono::seconds(1), [&] { return changes_ != seen; });
    }
    return false;
  }

  void Write(const std::string& name, const std::string& text) {
    std::string path = folder_.path() + "/source/" + name;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    std::ofstream(path) << text;
  }
  PackageFile Pack() {
    std::string archive = folder_.path() + "/package";
    std::string command = "tar czf " + archive + " -C " + folder_.path() +
                          "/source --transform s,^\\\\.,trainer-0.1, .";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return {.host_path = archive,
            .file_name = "trainer-0.1.tar.gz",
            .sha256 = Sha256Hex(ReadFile(archive).value_or(std::string()))};
  }
  State Build(const PackageFile& package) {
    Request request{.runtime = environments_->Resolve("bare", "").value(),
                    .packages = {package},
                    .build_id = "job-1",
                    .log_dir = folder_.path() + "/build-log"};
    EXPECT_TRUE(MakeDirectories(request.log_dir).ok());
    State state;
    EXPECT_TRUE(WaitFor([&] {
      auto now = environments_->Ensure(request);
      EXPECT_TRUE(now.ok()) << now.status();
      if (now.ok()) state = *now;
      return !now.ok() || state.phase != State::kBuilding;
    }));
    return state;
  }
  std::string LogOf(const std::string& dir) {
    std::string lines;
    for (const std::string& name : ListDirectory(dir).value_or(std::vector<std::string>())) {
      std::string bytes = ReadFile(dir + "/" + name).value_or(std::string());
      std::string_view rest(bytes);
      rest.remove_prefix(std::min(rest.size(), kLogMagic.size()));
      for (;;) {
        ParsedLogFrame parsed = ParseLogFrame(rest);
        if (parsed.kind != ParsedLogFrame::Kind::kFrame) break;
        rest.remove_prefix(parsed.size_bytes);
        lines += std::string(parsed.frame.text) + "\n";
      }
    }
    return lines;
  }

  TemporaryDirectory folder_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int changes_ = 0;
  std::unique_ptr<exec::Executor> executor_;
  std::unique_ptr<BuiltEnvironments> environments_;
};

TEST_F(SandboxedBuildTest, APackageIsBuiltAndRunsWithoutItsEnvironmentBeingWritable) {
  Write("setup.py", "from setuptools import setup\nsetup(name='t', packages=['trainer'])\n");
  Write("trainer/__init__.py", "");
  Write("trainer/task.py",
        "import logging, sys, os\n"
        "logging.info('arguments %s', sys.argv[1:])\n"
        "for folder in ('packages', 'runtime', 'lib'):\n"
        "    try:\n"
        "        open('/opt/hodei/%s/canary' % folder, 'w')\n"
        "        logging.error('wrote to %s', folder)\n"
        "    except OSError as error:\n"
        "        logging.info('%s is safe', folder)\n");
  State state = Build(Pack());
  ASSERT_EQ(state.phase, State::kReady) << state.error;
  EXPECT_THAT(LogOf(folder_.path() + "/build-log"), HasSubstr("Successfully installed t"));

  exec::ReplicaSpec spec{.id = "job-1-master-0",
                         .argv = environments_->LaunchArgv({}, "trainer.task", {"--a=b c"}, "out"),
                         .env = state.env,
                         .mounts = state.mounts,
                         .log_dir = folder_.path() + "/run-log"};
  spec.resources.scratch_bytes = 64 << 20;
  ASSERT_TRUE(MakeDirectories(spec.log_dir).ok());
  Status started = executor_->Start(spec);
  ASSERT_TRUE(started.ok()) << started;
  exec::ReplicaStatus status;
  ASSERT_TRUE(WaitFor([&] {
    status = executor_->Observe(spec.id).value_or(exec::ReplicaStatus{});
    return status.phase == exec::ReplicaPhase::kExited;
  }));
  std::string log = LogOf(spec.log_dir);
  EXPECT_EQ(status.exit.exit_code, 0) << log;
  EXPECT_THAT(log, HasSubstr("arguments ['--a=b c', '--job-dir', 'out']"));
  EXPECT_THAT(log, HasSubstr("packages is safe"));
  EXPECT_THAT(log, HasSubstr("runtime is safe"));
  EXPECT_THAT(log, HasSubstr("lib is safe"));
}

TEST_F(SandboxedBuildTest, ASetupThatForksForeverFailsAndIsOver) {
  Write("setup.py",
        "import os\n"
        "while True:\n"
        "    os.fork()\n");
  State state = Build(Pack());
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("Building the job's packages failed"));
}

}  // namespace
}  // namespace hodei::environments
