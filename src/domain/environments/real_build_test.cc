// The build, inspection and launch programs for real: pip in a bubblewrap sandbox without network,
// over the runtime `bare`. What the executor's own sandbox adds is tested there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/digest.h"
#include "domain/environments/built_environments.h"
#include "domain/environments/interpreter.h"
#include "exec/testing/fake_executor.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

using ::testing::HasSubstr;

// Runs argv to its end with stdout and stderr in `output`; its exit code, 128 + signal, or -1.
int RunToEnd(std::vector<std::string> argv, const std::string& output) {
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = 0;
  int error = posix_spawn(&pid, words[0], &actions, nullptr, words.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  if (error != 0 || waitpid(pid, &status, 0) != pid) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::vector<std::string> Bubblewrap(const std::vector<std::string>& argv,
                                    const std::map<std::string, std::string>& env,
                                    const std::vector<exec::Mount>& mounts,
                                    const std::string& work) {
  std::vector<std::string> words = {"/usr/bin/bwrap", "--unshare-all", "--die-with-parent",
                                    "--clearenv",     "--ro-bind",     "/usr",
                                    "/usr",           "--symlink",     "usr/bin",
                                    "/bin",           "--symlink",     "usr/lib",
                                    "/lib",           "--symlink",     "usr/lib64",
                                    "/lib64",         "--proc",        "/proc",
                                    "--dev",          "/dev",          "--tmpfs",
                                    "/tmp",           "--ro-bind-try", "/etc/ssl",
                                    "/etc/ssl",       "--bind",        work,
                                    "/work",          "--chdir",       "/work"};
  for (const auto& [name, value] : env) words.insert(words.end(), {"--setenv", name, value});
  for (const exec::Mount& mount : mounts) {
    words.insert(words.end(),
                 {mount.writable ? "--bind" : "--ro-bind", mount.host_path, mount.inside_path});
  }
  words.push_back("--");
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

class RealBuildTest : public ::testing::Test {
 protected:
  // One cache for all tests: the base layer is built by the first that needs it.
  static void SetUpTestSuite() { cache_ = new TemporaryDirectory; }
  static void TearDownTestSuite() {
    delete cache_;
    cache_ = nullptr;
  }
  void SetUp() override {
    if (FindInterpreters().empty() || !FileExists("/usr/bin/bwrap") ||
        RunToEnd({"/usr/bin/bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"}, "/dev/null")) {
      GTEST_SKIP() << "needs python3 and a working bubblewrap";
    }
    executor_.SetStartHook([this](const exec::ReplicaSpec& spec) {
      std::string work = folder_.path() + "/" + spec.id;
      ASSERT_TRUE(MakeDirectories(work).ok());
      std::string output = folder_.path() + "/output-" + spec.id;
      int code = RunToEnd(Bubblewrap(spec.argv, spec.env, spec.mounts, work), output);
      executor_.Exit(spec.id, {.exit_code = code});
    });
    auto opened = BuiltEnvironments::Open({.data_dir = folder_.path() + "/server",
                                           .cache_dir = cache_->path(),
                                           .interpreters = FindInterpreters(),
                                           .background = false},
                                          &executor_, &SystemClock());
    ASSERT_TRUE(opened.ok()) << opened.status();
    environments_ = std::move(*opened);
  }

  void Write(const std::string& name, const std::string& text) {
    std::string path = folder_.path() + "/source/" + name;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    std::ofstream(path) << text;
  }

  // The written sources as trainer-0.1.tar.gz.
  PackageFile Pack() {
    std::string archive = folder_.path() + "/package";
    EXPECT_EQ(RunToEnd({"/usr/bin/tar", "czf", archive, "-C", folder_.path() + "/source",
                        "--transform", "s,^\\.,trainer-0.1,", "."},
                       "/dev/null"),
              0);
    auto bytes = ReadFile(archive);
    return {.host_path = archive,
            .file_name = "trainer-0.1.tar.gz",
            .sha256 = Sha256Hex(bytes.value_or(std::string()))};
  }

  State Build(const PackageFile& package) {
    auto choice = environments_->Resolve("bare", "");
    EXPECT_TRUE(choice.ok()) << choice.status();
    Request request{.runtime = *choice, .packages = {package}, .build_id = "job-1"};
    for (int round = 0; round < 10; ++round) {
      auto state = environments_->Ensure(request);
      EXPECT_TRUE(state.ok()) << state.status();
      if (!state.ok() || state->phase != State::kBuilding) return state.value_or(State{});
      environments_->Poll();
    }
    ADD_FAILURE() << "not built";
    return {};
  }

  // Runs `module` as a replica would; its exit code, and what it wrote.
  int Launch(const State& state, const std::string& module, const std::vector<std::string>& args,
             std::string* written) {
    std::string work = folder_.path() + "/work";
    EXPECT_TRUE(MakeDirectories(work).ok());
    std::string output = folder_.path() + "/launched";
    int code = RunToEnd(Bubblewrap(environments_->LaunchArgv({}, module, args, "gs://b/out"),
                                   state.env, state.mounts, work),
                        output);
    *written = ReadFile(output).value_or(std::string());
    return code;
  }

  static TemporaryDirectory* cache_;
  TemporaryDirectory folder_;
  exec::FakeExecutor executor_;
  std::unique_ptr<BuiltEnvironments> environments_;
};

TemporaryDirectory* RealBuildTest::cache_ = nullptr;

TEST_F(RealBuildTest, TheFirstWalkthroughsPackageRuns) {
  std::string example = std::string(HODEI_SOURCE_DIR) + "/examples/test1";
  Write("setup.py", ReadFile(example + "/setup.py").value_or(std::string()));
  Write("test1/test1.py", ReadFile(example + "/test1/test1.py").value_or(std::string()));
  State state = Build(Pack());
  ASSERT_EQ(state.phase, State::kReady) << state.error;
  std::string written;
  EXPECT_EQ(Launch(state, "test1.test1", {"--arg=42"}, &written), 0) << written;
  EXPECT_THAT(written, HasSubstr(R"({"severity":"INFO","message":"Running module test1.test1."})"));
  EXPECT_THAT(written,
              HasSubstr(R"({"severity":"INFO","message":"Hey, ML Engine, you are not scary!")"));
  EXPECT_THAT(written, HasSubstr(R"({"severity":"WARNING","message":"Argument received: 42.")"));
  EXPECT_THAT(written, HasSubstr("Task completed successfully."));
}

TEST_F(RealBuildTest, AModuleThatDoesNotExistSaysWhichOnesDo) {
  Write("setup.py", "from setuptools import setup\nsetup(name='t', packages=['trainer'])\n");
  Write("trainer/__init__.py", "");
  Write("trainer/task.py", "");
  State state = Build(Pack());
  ASSERT_EQ(state.phase, State::kReady) << state.error;
  std::string written;
  EXPECT_EQ(Launch(state, "trainer.tsk", {}, &written), 1);
  EXPECT_THAT(written, HasSubstr("No module named trainer.tsk. The packages of this job provide: "
                                 "trainer, trainer.task."));
}

TEST_F(RealBuildTest, ASetupThatFailsShowsItsLastLines) {
  Write("setup.py", "raise RuntimeError('setup.py is broken on purpose')\n");
  State state = Build(Pack());
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("RuntimeError: setup.py is broken on purpose"));
}

TEST_F(RealBuildTest, ADependencyThatCannotBeHadShowsPipsLines) {
  Write("setup.py",
        "from setuptools import setup\n"
        "setup(name='t', install_requires=['hodei-no-such-distribution==1'])\n");
  State state = Build(Pack());
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("No matching distribution found for hodei-no-such-dist"));
}

TEST_F(RealBuildTest, APackageWithoutSetupIsExplained) {
  Write("trainer/task.py", "print(1)\n");
  State state = Build(Pack());
  EXPECT_EQ(state.phase, State::kFailed);
  EXPECT_THAT(state.error, HasSubstr("setup.py"));
}

}  // namespace
}  // namespace hodei::environments
