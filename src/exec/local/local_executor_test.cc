#include "exec/local/local_executor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>

#include "base/log_frame.h"
#include "base/testing/status_matchers.h"
#include "exec/local/testing/local_harness.h"
#include "exec/record/replica_records.h"
#include "exec/sandbox/cgroup.h"
#include "exec/sandbox/process_identity.h"
#include "exec/testing/executor_conformance.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;

TEST_P(LocalExecutorTest, OutputOfBothStreamsIsKept) {
  const auto end = RunShell("out", "echo one; echo two >&2; printf three");
  EXPECT_EQ(end.exit.exit_code, 0) << end.exit.detail;
  EXPECT_THAT(Logs("out").text,
              ::testing::AllOf(HasSubstr("one\n"), HasSubstr("two\n"), HasSubstr("three\n")));
}

// A program whose last piece was read before it writes the next sees its order kept.
TEST_P(LocalExecutorTest, LinesOfBothStreamsComeInTheOrderInWhichTheyWereWritten) {
  ReplicaSpec spec = local().Shell("order", "");
  spec.argv = {"/usr/bin/python3", "-c",
               "import array, fcntl, os, termios\n"
               "def unread(fd):\n"
               "  count = array.array('i', [0])\n"
               "  fcntl.ioctl(fd, termios.FIONREAD, count)\n"
               "  return count[0]\n"
               "for i in range(300):\n"
               "  fd = 1 + i * 7 % 3 % 2\n"
               "  os.write(fd, b'%d\\n' % i)\n"
               "  while unread(fd): os.sched_yield()\n"};
  EXPECT_EQ(RunToEnd(spec).exit.exit_code, 0);
  std::string expected;
  for (int i = 0; i < 300; ++i) expected += fmt::format("{}\n", i);
  EXPECT_EQ(Logs("order").text, expected);
}

TEST_P(LocalExecutorTest, AProgramThatRunsLongerThanItsLimitIsKilledByItsSupervisor) {
  ReplicaSpec spec = local().Lasting("limit", /*ignore_term=*/true);
  spec.run_limit = std::chrono::seconds(1);
  const auto end = RunToEnd(spec);
  EXPECT_EQ(end.exit.signal, SIGKILL);
  EXPECT_EQ(end.exit.detail, "it ran longer than 1 s");
  EXPECT_FALSE(end.exit.stopped);
}

TEST_P(LocalExecutorTest, SeesOnlyItsOwnWorld) {
  const auto end = RunShell("world",
                            "set -e; test $(id -u) = 1000; cd /work; echo x > file; touch /tmp/y; "
                            "test ! -e /root; test ! -e /home; ! touch /usr/x 2>/dev/null; "
                            "test \"$(ls /proc | grep -c '^[0-9]*$')\" -lt 8; "
                            "test -e /etc/passwd; test ! -e /etc/shadow; env | sort; hostname; "
                            "grep CapEff /proc/self/status");
  const Output logs = Logs("world");
  EXPECT_EQ(end.exit.exit_code, 0) << logs.text;
  EXPECT_THAT(logs.text, HasSubstr("HOME=/work\n"));
  EXPECT_THAT(logs.text, HasSubstr("CapEff:\t0000000000000000\n"));
  EXPECT_THAT(logs.text, ::testing::Not(HasSubstr("HODEI_BIN_DIR")));
}

TEST_P(LocalExecutorTest, MountsAreSeenReadOnlyOrWritable) {
  ReplicaSpec spec =
      local().Shell("mounts", "cat /opt/ro/file && ! touch /opt/ro/x && echo new > /opt/rw/y");
  const std::string read_only = local().root() + "/ro";
  const std::string writable = local().root() + "/rw";
  ASSERT_THAT(MakeDirectories(read_only, 0755), IsOk());
  ASSERT_THAT(MakeDirectories(writable, 0755), IsOk());
  ASSERT_THAT(WriteFileDurably(read_only + "/file", "content\n", 0644), IsOk());
  spec.mounts = {{read_only, "/opt/ro", false}, {writable, "/opt/rw", true}};
  EXPECT_EQ(RunToEnd(spec).exit.exit_code, 0) << Logs("mounts").text;
  EXPECT_THAT(Logs("mounts").text, HasSubstr("content\n"));
  EXPECT_EQ(*ReadFile(writable + "/y"), "new\n");
}

TEST_P(LocalExecutorTest, MissingProgramIsToldInASentence) {
  ReplicaSpec spec = local().Shell("absent", "");
  spec.argv = {"/usr/bin/no-such-program"};
  const auto end = RunToEnd(spec);
  EXPECT_EQ(end.phase, ReplicaPhase::kExited);
  EXPECT_EQ(end.exit.exit_code, 127);
  EXPECT_THAT(end.exit.detail, HasSubstr("no-such-program"));
}

TEST_P(LocalExecutorTest, MissingMountMeansThatNothingStarted) {
  ReplicaSpec spec = local().Shell("nomount", "exit 0");
  spec.mounts = {{local().root() + "/nowhere", "/opt/x", false}};
  EXPECT_FALSE(executor().Start(spec).ok());
  EXPECT_EQ(executor().Observe("nomount")->phase, ReplicaPhase::kUnknown);
  EXPECT_TRUE(executor().List()->empty());
}

TEST_P(LocalExecutorTest, KillingSignalIsReported) {
  const auto end = RunShell("segv", "kill -SEGV $$");
  EXPECT_EQ(end.exit.signal, SIGSEGV);
  EXPECT_FALSE(end.exit.stopped);
}

TEST_P(LocalExecutorTest, ProgramMayUseItsGrace) {
  ASSERT_THAT(executor().Start(local().Shell(
                  "grace", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.05; done")),
              IsOk());
  ASSERT_TRUE(Eventually([&] { return Logs("grace").text.find("up") != std::string::npos; }));
  ASSERT_THAT(executor().Stop("grace"), IsOk());
  const auto end = Await("grace", ReplicaPhase::kExited);
  EXPECT_EQ(end.exit.exit_code, 5);
  EXPECT_TRUE(end.exit.stopped);
  EXPECT_THAT(Logs("grace").text, HasSubstr("bye"));
}

// A replica's own socket is reached; what it may put in its place is not.
TEST_P(LocalExecutorTest, OnlyASocketOfTheReplicaIsOpened) {
  ReplicaSpec spec = local().Shell("listens", R"(exec python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX)
s.bind("/work/s.sock")
s.listen()
os.symlink("/work/s.sock", "/work/link")
os.symlink("/etc", "/work/etc")
open("/work/file", "w").close()
open("/work/ready", "w").close()
while True:
    c = s.accept()[0]
    c.sendall(b"hello")
    c.close()
')");
  ASSERT_THAT(executor().Start(spec), IsOk());
  Await("listens", ReplicaPhase::kRunning);
  ASSERT_TRUE(Eventually([&] {
    return executor().OpenSocket("listens", "ready").status().code() == Code::kFailedPrecondition;
  }));
  EXPECT_THAT(executor().OpenSocket("listens", "link"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(executor().OpenSocket("listens", "etc"), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(executor().OpenSocket("listens", "file"), StatusIs(Code::kFailedPrecondition));
  ASSERT_OK_AND_ASSIGN(const UniqueFd path, executor().OpenSocket("listens", "s.sock"));
  const UniqueFd peer(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", path.get());
  ASSERT_EQ(connect(peer.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  char text[5] = {};
  EXPECT_EQ(recv(peer.get(), text, sizeof text, MSG_WAITALL), 5);
  EXPECT_EQ(std::string(text, 5), "hello");
  ASSERT_THAT(executor().Stop("listens", true), IsOk());
  Await("listens", ReplicaPhase::kExited);
}

// A shell has not run its trap yet when its replica starts to run.
void AwaitIgnoredSigterm(int64_t pid) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (std::chrono::steady_clock::now() < deadline) {
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (!line.starts_with("SigIgn:")) continue;
      if (std::stoull(line.substr(7), nullptr, 16) & (1ULL << (SIGTERM - 1))) return;
    }
    std::this_thread::yield();
  }
}

// F18: ignored SIGTERM.
TEST_P(LocalExecutorTest, IgnoredSigtermEndsWithTheGrace) {
  ReplicaSpec spec = local().Lasting("ignores", true);
  spec.stop_grace = std::chrono::milliseconds(200);
  ASSERT_THAT(executor().Start(spec), IsOk());
  AwaitIgnoredSigterm(Await("ignores", ReplicaPhase::kRunning).pid);
  ASSERT_THAT(executor().Stop("ignores"), IsOk());
  const auto end = Await("ignores", ReplicaPhase::kExited);
  EXPECT_EQ(end.exit.signal, SIGKILL);
  EXPECT_TRUE(end.exit.stopped);
}

// F17: stopped processes.
TEST_P(LocalExecutorTest, StoppedProgramStillEndsAtItsDeadline) {
  ReplicaSpec spec = local().Shell("sigstop", "trap '' TERM; kill -STOP $$; sleep 1000");
  spec.stop_grace = std::chrono::milliseconds(200);
  ASSERT_THAT(executor().Start(spec), IsOk());
  Await("sigstop", ReplicaPhase::kRunning);
  ASSERT_THAT(executor().Stop("sigstop"), IsOk());
  EXPECT_TRUE(Await("sigstop", ReplicaPhase::kExited).exit.stopped);
}

// F17: a frozen group holds SIGKILL back.
TEST_P(LocalExecutorTest, FrozenGroupIsThawedToBeKilled) {
  NEEDS_TIER_A();
  ASSERT_THAT(executor().Start(local().Lasting("frozen", false)), IsOk());
  Await("frozen", ReplicaPhase::kRunning);
  for (const CgroupDirectory& cgroup : Plan("frozen").cgroups) {
    if (cgroup.controller == "freezer") {
      std::ofstream(cgroup.path + "/freezer.state") << "FROZEN";
    } else if (cgroup.controller == "unified") {
      std::ofstream(cgroup.path + "/cgroup.freeze") << "1";
    }
  }
  ASSERT_THAT(executor().Stop("frozen", true), IsOk());
  EXPECT_TRUE(Await("frozen", ReplicaPhase::kExited).exit.stopped);
}

// F18: a daemon that holds stdout must not keep the replica alive.
TEST_P(LocalExecutorTest, DaemonsDieWithTheProgram) {
  const auto end = RunShell("daemon", "setsid sleep 1000 & (setsid sleep 1000 &) ; exit 3");
  EXPECT_EQ(end.exit.exit_code, 3);
  for (const CgroupDirectory& cgroup : Plan("daemon").cgroups) {
    EXPECT_TRUE(CgroupsEmpty({cgroup})) << cgroup.path;
  }
}

// F3: the supervisor is killed.
TEST_P(LocalExecutorTest, KilledSupervisorTakesTheReplicaAlongAndIsRecorded) {
  ASSERT_THAT(executor().Start(local().Lasting("f3", true)), IsOk());
  const auto running = Await("f3", ReplicaPhase::kRunning);
  ASSERT_EQ(kill(static_cast<pid_t>(State("f3").pid), SIGKILL), 0);
  const auto end = Await("f3", ReplicaPhase::kLost);
  EXPECT_EQ(end.phase, ReplicaPhase::kLost);
  EXPECT_THAT(end.exit.detail, HasSubstr("supervisor"));
  EXPECT_TRUE(CgroupsEmpty(Plan("f3").cgroups));
  EXPECT_TRUE(Eventually([&] { return !StartTicks(running.pid); }));
  // Final: a later start does not run it again.
  EXPECT_THAT(executor().Start(local().Lasting("f3", true)), IsOk());
  EXPECT_EQ(executor().Observe("f3")->phase, ReplicaPhase::kLost);
}

// F4: supervisor and program die while no server is there.
TEST_P(LocalExecutorTest, DeathOfEverythingIsRecordedByTheNextServer) {
  ASSERT_THAT(executor().Start(local().Lasting("f4", false)), IsOk());
  const auto running = Await("f4", ReplicaPhase::kRunning);
  kill(static_cast<pid_t>(running.pid), SIGKILL);
  kill(static_cast<pid_t>(State("f4").pid), SIGKILL);
  ASSERT_TRUE(local().Reopen());
  Listen();
  const auto end = Await("f4", ReplicaPhase::kExited);
  EXPECT_TRUE(end.phase == ReplicaPhase::kLost || end.phase == ReplicaPhase::kExited);
  EXPECT_TRUE(CgroupsEmpty(Plan("f4").cgroups));
}

// F4: the program dies while no server is there; its exit waits on disk.
TEST_P(LocalExecutorTest, ExitWhileTheServerIsDownIsFound) {
  ASSERT_THAT(executor().Start(local().Shell("down",
                                             "while [ ! -e /tmp/x ]; do sleep 0.05; echo "
                                             "tick; done; exit 9")),
              IsOk());
  const auto running = Await("down", ReplicaPhase::kRunning);
  kill(static_cast<pid_t>(running.pid), SIGKILL);
  ASSERT_TRUE(local().Reopen());
  Listen();
  const auto end = Await("down", ReplicaPhase::kExited);
  EXPECT_EQ(end.phase, ReplicaPhase::kExited);
  EXPECT_EQ(end.exit.signal, SIGKILL);
}

// Known bug of other re-adopters: a foreign process with a reused pid is killed.
TEST_P(LocalExecutorTest, ReusedPidIsNeverSignalled) {
  pid_t stranger = 0;
  char name[] = "sleep";
  char time[] = "1000";
  char* argv[] = {name, time, nullptr};
  char* env[] = {nullptr};
  ASSERT_EQ(posix_spawn(&stranger, "/usr/bin/sleep", nullptr, nullptr, argv, env), 0);
  const std::string dir = local().dir() + "/replicas/reused";
  ASSERT_THAT(MakeDirectories(dir), IsOk());
  ReplicaState state;
  state.pid = stranger;
  state.start_ticks = *StartTicks(stranger) - 1;
  state.boot_id = CurrentBootId();
  state.phase = StatePhase::kRunning;
  state.program_pid = stranger;
  ASSERT_THAT(WriteFileDurably(dir + "/state", SerializeState(state)), IsOk());
  EXPECT_THAT(executor().Stop("reused", true), IsOk());
  EXPECT_EQ(executor().Observe("reused")->phase, ReplicaPhase::kLost);
  EXPECT_EQ(waitpid(stranger, nullptr, WNOHANG), 0);
  kill(stranger, SIGKILL);
  waitpid(stranger, nullptr, 0);
}

// What StartAndKillServer() runs in a process of its own: opens an executor, starts one replica and
// waits to be killed. Not a test: without its variables it does nothing.
constexpr char kServerFolder[] = "HODEI_TEST_SERVER_FOLDER";
constexpr int kServerPipe = 9;

TEST(ServerProcess, DISABLED_StartsOneReplicaAndWaits) {  // see above
  const char* folder = std::getenv(kServerFolder);
  if (folder == nullptr) return;
  const auto plan = ParseLaunchPlan(*ReadFile(std::string(folder) + "/server-plan"));
  LocalExecutorOptions options;
  options.dir = std::string(folder) + "/exec";
  options.bin_dir = BinDir();
  fcntl(kServerPipe, F_SETFD, FD_CLOEXEC);
  auto executor = OpenLocalExecutor(options);
  (void)!write(kServerPipe, "o", 1);
  if (executor.ok() && (*executor)->Start(plan->spec).ok()) (void)!write(kServerPipe, "s", 1);
  for (;;) pause();
}

// Kills the server with its whole process group `delay` after it opened its executor, or after
// Start() returned.
void StartAndKillServer(const std::string& root, const ReplicaSpec& spec,
                        std::chrono::microseconds delay, bool wait_for_start) {
  LaunchPlan plan;
  plan.spec = spec;
  ASSERT_THAT(WriteFileDurably(root + "/server-plan", SerializeLaunchPlan(plan)), IsOk());
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  std::string words[] = {"server", "--gtest_also_run_disabled_tests",
                         "--gtest_filter=ServerProcess.*"};
  std::string variables[] = {std::string(kServerFolder) + "=" + root, "HODEI_BIN_DIR=" + BinDir()};
  char* argv[] = {words[0].data(), words[1].data(), words[2].data(), nullptr};
  char* env[] = {variables[0].data(), variables[1].data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], kServerPipe);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t server = 0;
  ASSERT_EQ(posix_spawn(&server, "/proc/self/exe", &actions, &attributes, argv, env), 0);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(ends[1]);
  char byte = 0;
  EXPECT_EQ(read(ends[0], &byte, 1), 1);
  if (wait_for_start) {
    EXPECT_EQ(read(ends[0], &byte, 1), 1);
  }
  std::this_thread::sleep_for(delay);  // the kill comes at a random moment of a start
  kill(-server, SIGKILL);
  waitpid(server, nullptr, 0);
  close(ends[0]);
}

// F1, F4: SIGKILL to the server's process group leaves the replica running under the same pid.
TEST_P(LocalExecutorTest, ReplicaOutlivesItsServersProcessGroup) {
  StartAndKillServer(local().root(), local().Lasting("outlives", false),
                     std::chrono::milliseconds(50), true);
  ASSERT_TRUE(local().Reopen());
  Listen();
  const auto running = Await("outlives", ReplicaPhase::kRunning);
  EXPECT_EQ(running.phase, ReplicaPhase::kRunning);
  EXPECT_EQ(running.pid, State("outlives").program_pid);
  EXPECT_EQ(kill(static_cast<pid_t>(running.pid), 0), 0);
  ASSERT_THAT(executor().Stop("outlives"), IsOk());
  EXPECT_TRUE(Await("outlives", ReplicaPhase::kExited).exit.stopped);
}

// F1: wherever in Start() the server dies, user code runs exactly once.
TEST_P(LocalExecutorTest, ServerKilledAnywhereInStartRunsUserCodeOnce) {
  for (int round = 0; round < 20; ++round) {
    const std::string id = fmt::format("once-{}", round);
    const ReplicaSpec spec = local().Shell(id, "echo ran");
    StartAndKillServer(local().root(), spec, std::chrono::milliseconds(round * 4), false);
    ASSERT_TRUE(local().Reopen());
    Listen();
    ASSERT_THAT(executor().Start(spec), IsOk());
    ReplicaStatus end = Await(id, ReplicaPhase::kExited);
    // A supervisor that was still starting for the dead server may have given up.
    if (end.phase == ReplicaPhase::kUnknown) {
      ASSERT_THAT(executor().Start(spec), IsOk());
      end = Await(id, ReplicaPhase::kExited);
    }
    EXPECT_EQ(end.phase, ReplicaPhase::kExited) << end.exit.detail;
    EXPECT_EQ(Logs(id).text, "ran\n") << id;
  }
}

// F7: a boot in between.
TEST_P(LocalExecutorTest, OtherBootMeansLost) {
  const std::string dir = local().dir() + "/replicas/rebooted";
  ASSERT_THAT(MakeDirectories(dir), IsOk());
  const ReplicaState state{
      getpid(), *StartTicks(getpid()), "another-boot", StatePhase::kRunning, getpid(), {5}};
  ASSERT_THAT(WriteFileDurably(dir + "/state", SerializeState(state)), IsOk());
  const auto status = *executor().Observe("rebooted");
  EXPECT_EQ(status.phase, ReplicaPhase::kLost);
  EXPECT_THAT(status.exit.detail, HasSubstr("machine restarted"));
}

TEST_P(LocalExecutorTest, DamagedStateMeansLostNotStartedTwice) {
  const std::string dir = local().dir() + "/replicas/damaged";
  ASSERT_THAT(MakeDirectories(dir), IsOk());
  ASSERT_THAT(WriteFileDurably(dir + "/state", ""), IsOk());
  EXPECT_THAT(executor().Start(local().Exiting("damaged", 0)), IsOk());
  EXPECT_EQ(executor().Observe("damaged")->phase, ReplicaPhase::kLost);
}

TEST_P(LocalExecutorTest, StopBeforeTheProgramRanIsHonoured) {
  ASSERT_THAT(executor().Start(local().Lasting("early", false)), IsOk());
  ASSERT_THAT(executor().Stop("early", true), IsOk());
  EXPECT_TRUE(Await("early", ReplicaPhase::kExited).exit.stopped);
}

// T20, on the tier of this machine.
TEST_P(LocalExecutorTest, EscapeProgramFindsNoWayOut) {
  ReplicaSpec spec = local().Shell("escape", "");
  spec.argv = {"/.hodei/init", "--escape-program"};
  const auto end = RunToEnd(spec);
  const Output logs = Logs("escape");
  EXPECT_EQ(end.exit.exit_code, 0) << logs.text;
  EXPECT_THAT(logs.text, HasSubstr("escapes 0"));
  const size_t cases = logs.text.find("cases ");
  ASSERT_NE(cases, std::string::npos) << logs.text;
  EXPECT_GE(std::stoi(logs.text.substr(cases + 6)), 90) << "some were not tried";
  EXPECT_THAT(logs.text, ::testing::Not(HasSubstr("ESCAPE ")));
}

// T19: nothing of the host's loopback, nor its abstract sockets.
TEST_P(LocalExecutorTest, HostPortsAndAbstractSocketsAreOutOfReach) {
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string name = fmt::format("hodei-test-{}", getpid());
  name.copy(address.sun_path + 1, sizeof address.sun_path - 1);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address),
                 static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  ASSERT_EQ(listen(listener, 1), 0);
  const auto end = RunShell(
      "sweep", fmt::format("python3 -c \"\nimport socket\ns=socket.socket(socket.AF_UNIX)\n"
                           "try:\n  s.connect('\\0{}')\n  print('reached')\nexcept OSError:\n"
                           "  print('refused')\n\"; cat /proc/net/dev | grep -c ':'",
                           name));
  EXPECT_EQ(end.exit.exit_code, 0);
  const Output logs = Logs("sweep");
  EXPECT_THAT(logs.text, HasSubstr("refused\n"));
  close(listener);
}

// T22: neighbours.
TEST_P(LocalExecutorTest, NeighboursHaveOtherHostUsers) {
  NEEDS_TIER_A();
  ASSERT_THAT(executor().Start(local().Lasting("n1", false)), IsOk());
  ASSERT_THAT(executor().Start(local().Lasting("n2", false)), IsOk());
  EXPECT_NE(Plan("n1").host_uid, Plan("n2").host_uid);
  struct stat st {};
  const auto running = Await("n1", ReplicaPhase::kRunning);
  ASSERT_EQ(stat(fmt::format("/proc/{}", running.pid).c_str(), &st), 0);
  EXPECT_EQ(st.st_uid, Plan("n1").host_uid);
}

TEST_P(LocalExecutorTest, ApiSocketIsReachedThroughTheForwarderAlsoAfterARestart) {
  const std::string dir = local().root() + "/api";
  ASSERT_THAT(MakeDirectories(dir, 0755), IsOk());
  const auto serve = [&] {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir + "/api.sock";
    unlink(path.c_str());
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    chmod(path.c_str(), 0666);
    EXPECT_EQ(listen(fd, 4), 0);
    const int peer = accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
    char buffer[16] = {};
    EXPECT_GT(read(peer, buffer, sizeof buffer), 0);
    EXPECT_EQ(write(peer, "pong\n", 5), 5);
    close(peer);
    close(fd);
  };
  ReplicaSpec spec =
      local().Shell("api",
                    "python3 -c \"\nimport socket,time\ndone=0\nwhile done<2:\n"
                    "  s=socket.create_connection(('127.0.0.1',8380)); s.sendall(b'ping')\n"
                    "  try: r=s.recv(9)\n  except OSError: r=b''\n"
                    "  if r: print(r.decode().strip(),flush=True); done+=1\n  else: "
                    "time.sleep(0.05)\n\"");  // for the next server
  spec.api_socket_dir = dir;
  ASSERT_THAT(executor().Start(spec), IsOk());
  serve();
  serve();  // a new socket under the same name
  EXPECT_EQ(Await("api", ReplicaPhase::kExited).exit.exit_code, 0);
  EXPECT_EQ(Logs("api").text, "pong\npong\n");
}

TEST_P(LocalExecutorTest, PrivateNamesLeadToTheServersSockets) {
  const std::string dir = local().root() + "/private";
  ASSERT_THAT(MakeDirectories(dir, 0755), IsOk());
  const auto listen_at = [&](const char* name) {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = dir + "/" + name;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    chmod(path.c_str(), 0666);
    EXPECT_EQ(listen(fd.get(), 4), 0);
    return fd;
  };
  const UniqueFd web = listen_at("web.sock");
  const UniqueFd tls = listen_at("tls.sock");
  ReplicaSpec spec = local().Shell(
      "private",
      "python3 -c \"\nimport socket\n"
      "for name, port in (('storage.example.com', 80), ('example.com', 443)):\n"
      "  s=socket.create_connection((name, port)); print(s.getpeername()[0], s.recv(9).decode())\n"
      "try: socket.getaddrinfo('elsewhere.invalid', 80)\n"
      "except socket.gaierror as e: print(e.errno == socket.EAI_NONAME)\n"
      "try: socket.create_connection(('169.254.169.254', 22)); print('reached')\n"
      "except OSError: print('refused')\n\"");
  spec.api_socket_dir = dir;
  spec.private_names = {"example.com"};
  ASSERT_THAT(executor().Start(spec), IsOk());
  for (const auto& [fd, text] : {std::pair(&web, "web"), std::pair(&tls, "tls")}) {
    const UniqueFd peer(accept4(fd->get(), nullptr, nullptr, SOCK_CLOEXEC));
    EXPECT_EQ(write(peer.get(), text, 3), 3);
  }
  EXPECT_EQ(Await("private", ReplicaPhase::kExited).exit.exit_code, 0) << Logs("private").text;
  EXPECT_EQ(Logs("private").text, "169.254.169.254 web\n169.254.169.254 tls\nTrue\nrefused\n");
}

TEST_P(LocalExecutorTest, GroupMembersReachEachOtherByNameAndNobodyElse) {
  NEEDS_TIER_A();
  const std::vector<std::string> names = {"m-master-0", "m-worker-0"};
  const auto member = [&](size_t index, const std::string& group, const std::string& script) {
    ReplicaSpec spec = local().Shell(fmt::format("{}-{}", group, index), script);
    spec.network = {group, names[index], names, Egress::kNone};
    return spec;
  };
  const std::string server =
      "python3 -c \"\nimport socket\ns=socket.create_server(('0.0.0.0',2222))\n"
      "c,_=s.accept(); c.sendall(b'hello'); c.close()\n\"";
  const std::string client =
      "python3 -c \"\nimport socket,time\nfor i in range(100):\n  try:\n"
      "    s=socket.create_connection(('m-master-0',2222),timeout=1); print(s.recv(9).decode()); "
      "break\n  except OSError as e: time.sleep(0.05)\nelse: print('nobody')\n\"";
  const std::string lone =
      "python3 -c \"\nimport socket\ntry: "
      "socket.create_connection(('m-master-0',2222),timeout=0.5);"
      " print('reached')\nexcept OSError: print('nobody')\n\"";
  ASSERT_THAT(executor().Start(member(0, "ga", server)), IsOk());
  ASSERT_THAT(executor().Start(member(1, "gb", lone)), IsOk());
  EXPECT_EQ(Await("gb-1", ReplicaPhase::kExited).exit.exit_code, 0);
  EXPECT_EQ(Logs("gb-1").text, "nobody\n");
  ASSERT_THAT(executor().Start(member(1, "ga", client)), IsOk());
  EXPECT_EQ(Await("ga-1", ReplicaPhase::kExited).exit.exit_code, 0);
  EXPECT_EQ(Logs("ga-1").text, "hello\n");
  EXPECT_EQ(Await("ga-0", ReplicaPhase::kExited).exit.exit_code, 0) << Logs("ga-0").text;
  const std::string netns = "/run/netns/" + Plan("ga-0").group_netns;
  EXPECT_TRUE(FileExists(netns));
  EXPECT_THAT(executor().Remove("ga-0"), IsOk());
  EXPECT_TRUE(FileExists(netns));
  EXPECT_THAT(executor().Remove("ga-1"), IsOk());
  EXPECT_FALSE(FileExists(netns));
}

TEST_P(LocalExecutorTest, AReplicaAloneInItsGroupFindsItselfByName) {
  ReplicaSpec spec =
      local().Shell("alone",
                    "python3 -c \"\nimport socket\ns=socket.create_server(('solo',2222))\n"
                    "c=socket.create_connection(('solo',2222)); print(c.getpeername()[0])\n\"");
  spec.network = {"one", "solo", {"solo"}, Egress::kNone};
  EXPECT_EQ(RunToEnd(spec).exit.exit_code, 0) << Logs("alone").text;
  EXPECT_EQ(Logs("alone").text, "127.0.0.1\n");
  EXPECT_EQ(Plan("alone").group_netns, "");
}

TEST_P(LocalExecutorTest, NothingIsLeftInTheKernel) {
  NEEDS_TIER_A();
  EXPECT_EQ(RunShell("clean", "exit 0").exit.exit_code, 0);
  const LaunchPlan plan = Plan("clean");
  ASSERT_TRUE(Eventually([&] { return !StartTicks(State("clean").pid); }));
  EXPECT_THAT(executor().Remove("clean"), IsOk());
  for (const CgroupDirectory& cgroup : plan.cgroups) EXPECT_FALSE(FileExists(cgroup.path));
  EXPECT_TRUE(ListDirectory(local().dir() + "/scratch")->empty());
  EXPECT_THAT(*ReadFile("/proc/self/mountinfo"), ::testing::Not(HasSubstr(local().root())));
  EXPECT_TRUE(ListDirectory(local().dir() + "/replicas")->empty());
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Local, ExecutorConformance, ::testing::Values(&MakeLocalHarness));
INSTANTIATE_TEST_SUITE_P(Local, LocalExecutorTest, ::testing::Values(&MakeLocalHarness));

}  // namespace hodei::exec
