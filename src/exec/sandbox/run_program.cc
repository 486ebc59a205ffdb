#include "exec/sandbox/run_program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "sys/file.h"
#include "sys/unique_fd.h"

namespace hodei::exec {
namespace {

constexpr size_t kMaxOutput = 64 << 10;
char* const kNoEnvironment[] = {nullptr};

Result<UniqueFd> InputFile(const std::string& text) {
  UniqueFd fd(memfd_create("input", MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "memfd_create");
  RETURN_IF_ERROR(WriteAll(fd.get(), text));
  if (lseek(fd.get(), 0, SEEK_SET) != 0) return ErrnoStatus(errno, "lseek");
  return fd;
}

// posix_spawn, not fork: the server is large and has threads.
Result<pid_t> Spawn(const std::vector<std::string>& argv, int input, int output, int inherit) {
  std::vector<char*> args;
  for (const std::string& arg : argv) args.push_back(const_cast<char*>(arg.c_str()));
  args.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_adddup2(&actions, output, 2);
  if (inherit >= 0) posix_spawn_file_actions_adddup2(&actions, inherit, kInheritedFd);
  posix_spawn_file_actions_addchdir_np(&actions, "/");
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int error =
      posix_spawn(&pid, argv[0].c_str(), &actions, &attributes, args.data(), kNoEnvironment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return ErrnoStatus(error, fmt::format("start '{}'", argv[0]));
  return pid;
}

// Reads to the end of file or the deadline; false at the deadline.
bool Collect(int fd, std::chrono::steady_clock::time_point deadline, std::string* out) {
  char buffer[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd poll_fd{fd, POLLIN, 0};
    if (poll(&poll_fd, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return true;
    if (out->size() < kMaxOutput) out->append(buffer, static_cast<size_t>(n));
  }
}

// Joins a network namespace and goes back when it dies.
class InNetworkNamespace {
 public:
  explicit InNetworkNamespace(int fd) {
    if (fd < 0) return;
    before_ = UniqueFd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
    failed_ = !before_ || setns(fd, CLONE_NEWNET) != 0;
  }
  ~InNetworkNamespace() {
    if (before_ && setns(before_.get(), CLONE_NEWNET) != 0) _exit(125);
  }
  bool failed() const { return failed_; }

 private:
  UniqueFd before_;
  bool failed_ = false;
};

}  // namespace

Result<std::string> RunProgram(const std::vector<std::string>& argv, const RunOptions& options) {
  ASSIGN_OR_RETURN(const UniqueFd input, InputFile(options.input));
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  pid_t pid = 0;
  {
    const InNetworkNamespace there(options.network_namespace);
    if (there.failed()) return ErrnoStatus(errno, "join network namespace");
    ASSIGN_OR_RETURN(pid, Spawn(argv, input.get(), writer.get(), options.inherit));
  }
  writer.Reset();
  std::string output;
  const bool ended =
      Collect(reader.get(), std::chrono::steady_clock::now() + options.limit, &output);
  if (!ended) kill(pid, SIGKILL);
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return DeadlineExceeded(fmt::format("'{}' did not end in time", argv[0]));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return Internal(fmt::format("'{}' failed: {}", argv[0], output));
  }
  return output;
}

}  // namespace hodei::exec
