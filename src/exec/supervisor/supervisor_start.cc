// The first half of a replica's life: from the plan to user code, in the order that makes "exactly
// once or lost" true. State is durable before the word to go is given.
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "exec/record/init_protocol.h"
#include "exec/sandbox/cgroup.h"
#include "exec/sandbox/gpu_nodes.h"
#include "exec/sandbox/network.h"
#include "exec/sandbox/process_identity.h"
#include "exec/supervisor/bucket_files.h"
#include "exec/supervisor/rights.h"
#include "exec/supervisor/supervisor.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr int kReadyMillis = 20'000;
constexpr rlim_t kOpenFiles = 65536;
constexpr size_t kEarlyStderrBytes = 4096;

Result<UniqueFd> MemoryFile(const char* name, const std::string& bytes) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "memfd_create");
  RETURN_IF_ERROR(WriteAll(fd.get(), bytes));
  lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

void SetLimit(int which, rlim_t value) {
  rlimit limit{};
  // Within the hard limit we have: root can lack the right to raise it.
  if (getrlimit(static_cast<__rlimit_resource>(which), &limit) != 0) return;
  if (limit.rlim_max != RLIM_INFINITY && value > limit.rlim_max) value = limit.rlim_max;
  limit.rlim_cur = value;
  limit.rlim_max = value;
  setrlimit(static_cast<__rlimit_resource>(which), &limit);
}

[[noreturn]] void Complain(const char* what) {
  (void)!write(2, what, std::char_traits<char>::length(what));
  _exit(125);
}

[[noreturn]] void ExecuteBwrap(std::string program) {
  char* const no_environment[] = {nullptr};
  std::string args_number = std::to_string(kBwrapArgsFd);
  std::string init = kInitInside;
  char args_option[] = "--args";
  char end_option[] = "--";
  char* argv[] = {program.data(), args_option, args_number.data(),
                  end_option,     init.data(), nullptr};
  execve(program.c_str(), argv, no_environment);
  Complain("cannot execute bwrap\n");
}

std::string HostsText(const LaunchPlan& plan) {
  const Network& network = plan.spec.network;
  std::string text = "127.0.0.1 localhost\n::1 localhost ip6-localhost\n";
  const bool bridged = !plan.group_netns.empty();
  for (size_t i = 0; bridged && i < network.group_host_names.size(); ++i) {
    text += GroupAddress(i) + " " + network.group_host_names[i] + "\n";
  }
  if (!bridged && !network.host_name.empty()) {
    text += "127.0.0.1 " + network.host_name + "\n";
  }
  return text;
}

std::string ResolvText(const LaunchPlan& plan) {
  std::string text;
  if (!plan.spec.private_names.empty()) return fmt::format("nameserver {}\n", kPrivateAddress);
  if (plan.spec.network.egress != Egress::kInternet) return text;
  for (const std::string& address : plan.resolvers) text += "nameserver " + address + "\n";
  return text + "options timeout:3 attempts:2\n";
}

// Whom the replica's own name server may ask.
std::vector<std::string> NameServers(const LaunchPlan& plan) {
  return plan.spec.network.egress == Egress::kInternet ? plan.resolvers
                                                       : std::vector<std::string>();
}

}  // namespace

Status Supervisor::Prepare() {
  ASSIGN_OR_RETURN(dir_fd_, OpenFile(dir_, O_RDONLY | O_DIRECTORY));
  RETURN_IF_ERROR(TakeLock());
  ASSIGN_OR_RETURN(const std::string text, ReadFile(dir_ + "/" + kSpecFile, 16 << 20));
  ASSIGN_OR_RETURN(plan_, ParseLaunchPlan(text));
  ASSIGN_OR_RETURN(UniqueFd log_dir, OpenFile(plan_.spec.log_dir, O_RDONLY | O_DIRECTORY));
  LogWriterOptions options;
  options.bytes_limit = plan_.spec.log_bytes_limit;
  options.bytes_per_second = plan_.spec.log_bytes_per_second;
  log_.emplace(std::move(log_dir), options, clock_);
  return SetUpLoop();
}

Status Supervisor::TakeLock() {
  ASSIGN_OR_RETURN(lock_, OpenFile(dir_ + "/" + kLockFile, O_RDWR | O_CREAT));
  if (!TryLock(lock_.get())) return AlreadyExists("busy");
  struct stat held {};
  struct stat named {};
  const std::string path = dir_ + "/" + kLockFile;
  if (fstat(lock_.get(), &held) != 0 || stat(path.c_str(), &named) != 0 ||
      held.st_ino != named.st_ino) {
    return AlreadyExists("busy");  // removed while we waited for it
  }
  // Whoever held the lock before us may have run everything already.
  for (const char* name : {kStateFile, kExitFile}) {
    if (FileExists(dir_ + "/" + name)) return AlreadyExists("busy");
  }
  return OkStatus();
}

Status Supervisor::WriteFirstState() {
  state_.pid = getpid();
  const auto ticks = StartTicks(state_.pid);
  state_.boot_id = CurrentBootId();
  if (!ticks || state_.boot_id.empty()) return Internal("/proc does not tell who we are");
  state_.start_ticks = *ticks;
  return WriteRecord(kStateFile, SerializeState(state_), false);
}

// The sandbox sets itself up meanwhile: the wait for the disk costs nothing extra.
Status Supervisor::SyncState() {
  ASSIGN_OR_RETURN(const UniqueFd state, OpenFile(dir_ + "/" + kStateFile, O_RDONLY));
  if (fsync(state.get()) != 0 || fsync(dir_fd_.get()) != 0) return ErrnoStatus(errno, "sync state");
  return SyncDirectory(dir_.substr(0, dir_.rfind('/')));
}

// What the sandbox's first process gets from this one.
struct Supervisor::SandboxEnds {
  UniqueFd out;
  UniqueFd err;
  UniqueFd socket;
  UniqueFd launch;
  UniqueFd args;
  UniqueFd seccomp;
};

Status Supervisor::StartSandbox() {
  const ReplicaSpec& spec = plan_.spec;
  RETURN_IF_ERROR(CreateCgroups(plan_.cgroups, spec.resources, DeviceRules(spec.resources.gpus)));
  oom_ = WatchOutOfMemory(plan_.cgroups);
  if (oom_) Watch(oom_.get());
  if (plan_.host_uid != 0) {
    ASSIGN_OR_RETURN_CTX(network_, MakeReplicaNetwork(plan_), "network");
  }
  ASSIGN_OR_RETURN_CTX(view_,
                       BuildSandboxView(plan_, scratch_, dir_, HostsText(plan_), ResolvText(plan_)),
                       "file view");
  scratch_.Reset();
  // Before bwrap, which looks at what it binds.
  if (view_.bucket_device) {
    RETURN_IF_ERROR_CTX(StartBucketFiles(plan_, view_), "files of buckets");
    // Who serves the device must be the last to hold it: with it the mount ends.
    view_.bucket_device.Reset();
  }
  view_.api_folder.Reset();
  SandboxEnds ends;
  RETURN_IF_ERROR(OpenEnds(&ends));
  bool joined = false;
  sandbox_pid_ = ForkIntoCgroups(plan_.cgroups, &joined);
  if (sandbox_pid_ < 0) return ErrnoStatus(errno, "fork");
  if (sandbox_pid_ == 0) BecomeSandbox(ends, joined);
  Watch(output_.fd());
  Watch(init_socket_.get());
  return OkStatus();
}

Status Supervisor::OpenEnds(SandboxEnds* ends) {
  const bool rlimits = plan_.cgroups.empty();
  ASSIGN_OR_RETURN(ends->seccomp, OpenFile(plan_.seccomp_path, O_RDONLY));
  ASSIGN_OR_RETURN(ends->launch,
                   MemoryFile("launch", SerializeLaunch(plan_.spec, rlimits, NameServers(plan_))));
  std::string joined;
  for (const std::string& arg : view_.bwrap_args) joined += arg + '\0';
  ASSIGN_OR_RETURN(ends->args, MemoryFile("args", joined));
  RETURN_IF_ERROR(output_.Open(&ends->out, &ends->err));
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  init_socket_ = UniqueFd(pair[0]);
  ends->socket = UniqueFd(pair[1]);
  const int on = 1;
  setsockopt(init_socket_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
  return OkStatus();
}

// In the child: descriptors, rights, limits, then bwrap.
void Supervisor::BecomeSandbox(const SandboxEnds& ends, bool joined) {
  // Above the numbers that are filled below, so that no dup2 hits one still needed.
  const auto lift = [](const UniqueFd& fd) { return fcntl(fd.get(), F_DUPFD_CLOEXEC, 64); };
  const std::pair<int, int> places[] = {
      {lift(ends.out), 1},
      {lift(ends.err), 2},
      {lift(ends.socket), kInitSocketFd},
      {lift(ends.launch), kInitLaunchFd},
      {lift(ends.args), kBwrapArgsFd},
      {lift(ends.seccomp), kSeccompFd},
  };
  const int network = network_ ? lift(network_) : -1;
  for (const auto& [from, to] : places) dup2(from, to);
  if (!joined) Complain("cannot join the control groups\n");
  if (network >= 0 && setns(network, CLONE_NEWNET) != 0) Complain("cannot join the network\n");
  if (network < 0 && !plan_.spec.private_names.empty()) {
    const Status entered = EnterOwnNetwork();
    if (!entered.ok()) Complain((entered.message() + "\n").c_str());
  }
  close_range(kSeccompFd + 1, ~0U, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    (void)!write(fd, "100", 3);
    close(fd);
  }
  SetLimit(RLIMIT_NOFILE, kOpenFiles);
  SetLimit(RLIMIT_CORE, 0);
  if (chdir("/") != 0 || !DropRights(plan_.host_uid)) Complain("cannot drop rights\n");
  umask(022);
  ExecuteBwrap(plan_.bwrap_path);
}

// Until the first process inside says 'R', what comes on stderr is bwrap's own complaint.
Status Supervisor::AwaitReady() {
  const Nanoseconds deadline = clock_.Monotonic() + std::chrono::milliseconds(kReadyMillis);
  for (;;) {
    const int64_t left = (deadline - clock_.Monotonic()).count() / 1'000'000;
    pollfd fds[] = {{init_socket_.get(), POLLIN, 0}, {output_.stderr_fd(), POLLIN, 0}};
    if (left <= 0) return DeadlineExceeded("the sandbox was not ready in time");
    if (poll(fds, 2, static_cast<int>(left)) < 0 && errno != EINTR)
      return ErrnoStatus(errno, "poll");
    if ((fds[1].revents & POLLIN) != 0) {
      char buffer[1024];
      const ssize_t n = read(output_.stderr_fd(), buffer, sizeof buffer);
      if (n > 0 && early_stderr_.size() < kEarlyStderrBytes) {
        early_stderr_.append(buffer, static_cast<size_t>(n));
      }
      continue;
    }
    if (fds[0].revents == 0) continue;
    char message[512];
    const ssize_t n = recv(init_socket_.get(), message, sizeof message, 0);
    if (n > 0 && message[0] == 'R') return OkStatus();
    if (n > 1) return Internal(std::string(message + 1, static_cast<size_t>(n - 1)));
    while (!early_stderr_.empty() && early_stderr_.back() == '\n') early_stderr_.pop_back();
    return Internal(fmt::format("the sandbox did not start: {}", early_stderr_));
  }
}

void Supervisor::UndoStart() {
  KillEverything();
  if (sandbox_pid_ > 0) {
    kill(sandbox_pid_, SIGKILL);
    waitpid(sandbox_pid_, nullptr, 0);
  }
  KillCgroups(plan_.cgroups, std::chrono::seconds(5));
  (void)RemoveCgroups(plan_.cgroups).ok();
  // Last: while the state is there, the replica counts as started.
  unlinkat(dir_fd_.get(), kStateFile, 0);
}

void Supervisor::Report(const std::string& line) {
  if (!report_) return;
  (void)WriteAll(report_.get(), line).ok();  // the server may be gone: nobody to tell then
  report_.Reset();
}

}  // namespace hodei::exec
