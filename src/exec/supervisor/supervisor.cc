#include "exec/supervisor/supervisor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "exec/sandbox/cgroup.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr std::chrono::milliseconds kKillPatience{5'000};
// How long a killed sandbox may take to disappear before we look again and kill again.
constexpr std::chrono::seconds kKillAgain{1};

}  // namespace

Supervisor::Supervisor(std::string replica_dir, UniqueFd report, UniqueFd scratch,
                       const Clock& clock)
    : clock_(clock),
      dir_(std::move(replica_dir)),
      report_(std::move(report)),
      scratch_(std::move(scratch)) {}
Supervisor::~Supervisor() = default;

int Supervisor::Run() {
  signal(SIGPIPE, SIG_IGN);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  Status status = Prepare();
  if (status.code() == Code::kAlreadyExists) {
    Report("busy");
    return 0;
  }
  if (status.ok()) status = WriteFirstState();
  if (status.ok()) status = StartSandbox();
  if (status.ok()) status = SyncState();
  if (status.ok()) status = AwaitReady();
  if (!status.ok()) {
    UndoStart();
    // Before the report: who reads it may start the replica anew at once.
    lock_.Reset();
    Report("error " + status.message());
    return 1;
  }
  ReadStopFile();
  if (stop_asked_) {
    // Asked to stop before the word to go: user code never runs.
    KillEverything();
  } else if (send(init_socket_.get(), "G", 1, MSG_NOSIGNAL) != 1) {
    failure_ = "the sandbox ended before the program was started";
  }
  Report("ok");
  Loop();
  Finish();
  return 0;
}

Status Supervisor::SetUpLoop() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  sigset_t mask;
  sigemptyset(&mask);
  for (int number : {SIGCHLD, SIGUSR1, SIGTERM, SIGINT, SIGHUP}) sigaddset(&mask, number);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  signals_ = UniqueFd(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  timer_ = UniqueFd(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
  if (!epoll_ || !signals_ || !timer_) return ErrnoStatus(errno, "set up event loop");
  Watch(signals_.get());
  Watch(timer_.get());
  return OkStatus();
}

void Supervisor::Watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

// A tick a second while there is something to watch the time for.
void Supervisor::ArmTimer() {
  itimerspec spec{};
  Nanoseconds wait = std::chrono::seconds(1);
  if (kill_at_.count() != 0) {
    wait =
        std::clamp<Nanoseconds>(kill_at_ - clock_.Monotonic(), std::chrono::milliseconds(1), wait);
  }
  spec.it_value.tv_sec = wait.count() / 1'000'000'000;
  spec.it_value.tv_nsec = wait.count() % 1'000'000'000;
  timerfd_settime(timer_.get(), 0, &spec, nullptr);
}

// Ends when the sandbox has ended and its pipes are drained: after that no process is left that
// could write.
void Supervisor::Loop() {
  if (plan_.spec.run_limit.count() > 0) ends_at_ = clock_.Monotonic() + plan_.spec.run_limit;
  ArmTimer();
  Reap();
  while (!sandbox_ended_ || output_.open()) {
    epoll_event events[8];
    const int count = epoll_wait(epoll_.get(), events, 8, -1);
    if (count < 0 && errno != EINTR) break;
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == signals_.get())
        HandleSignals();
      else if (fd == timer_.get())
        HandleTick();
      else if (oom_ && fd == oom_.get())
        HandleOutOfMemory();
      else if (init_socket_ && fd == init_socket_.get())
        HandleInitMessage();
      else if (fd == output_.fd())
        output_.Drain(
            [this](LogStream stream, std::string_view bytes) { log_->Append(stream, bytes); });
    }
  }
}

void Supervisor::HandleSignals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    switch (info.ssi_signo) {
      case SIGCHLD:
        Reap();
        break;
      case SIGUSR1:
        ReadStopFile();
        break;
      default:
        // The machine is going down, or a person sent it: the program gets its grace.
        failure_ = fmt::format("the supervisor got signal {}", info.ssi_signo);
        BeginStop(false, false);
    }
  }
}

void Supervisor::Reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    if (pid != sandbox_pid_) continue;
    sandbox_ended_ = true;
    sandbox_status_ = status;
    // The last word of init may still be in the socket.
    HandleInitMessage();
    // bwrap is gone; with it, or at the latest now, everything inside.
    KillCgroups(plan_.cgroups, kKillPatience);
  }
}

void Supervisor::HandleInitMessage() {
  while (init_socket_) {
    char text[512];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred))];
    iovec part{text, sizeof text - 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(init_socket_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
      init_socket_.Reset();
      return;
    }
    text[n] = '\0';
    if (text[0] == 'P') {
      const cmsghdr* header = CMSG_FIRSTHDR(&message);
      if (header != nullptr && header->cmsg_type == SCM_CREDENTIALS) {
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
        state_.program_pid = sender.pid;
      }
      state_.phase = StatePhase::kRunning;
      state_.started = clock_.Now();
      (void)WriteRecord(kStateFile, SerializeState(state_), false).ok();
    } else if (text[0] == 'E') {
      failure_ = text + 1;
    } else if (text[0] == 'X') {
      int code = 0;
      int signal_number = 0;
      if (std::sscanf(text + 1, "%d %d", &code, &signal_number) == 2) {
        program_end_ = {code, signal_number};
      }
    }
  }
}

// Version 1 ends one process only; a job that lost a part of itself is of no use to anybody.
void Supervisor::HandleOutOfMemory() {
  uint64_t count = 0;
  (void)!read(oom_.get(), &count, sizeof count);
  if (sandbox_ended_) return;  // the event also comes when the group is removed
  out_of_memory_ = true;
  KillEverything();
}

void Supervisor::HandleTick() {
  uint64_t count = 0;
  (void)!read(timer_.get(), &count, sizeof count);
  log_->Tick();
  if (kill_at_.count() != 0 && clock_.Monotonic() >= kill_at_) KillEverything();
  if (ends_at_.count() != 0 && clock_.Monotonic() >= ends_at_) {
    ends_at_ = Nanoseconds(0);
    failure_ = fmt::format("it ran longer than {} s", plan_.spec.run_limit.count());
    KillEverything();
  }
  if (sandbox_ended_) {
    // A pipe that is still open has a writer outside: a file descriptor passed out of the sandbox
    // cannot exist, so this is a process that dies slowly.
    KillCgroups(plan_.cgroups, std::chrono::milliseconds(1));
  }
  ArmTimer();
}

void Supervisor::ReadStopFile() {
  const auto text = ReadFile(dir_ + "/" + kStopFile, 64);
  if (!text.ok()) return;
  BeginStop(text->starts_with("now"), true);
}

void Supervisor::BeginStop(bool now, bool asked) {
  if (program_end_ || sandbox_ended_) return;  // it ended by itself before
  stop_asked_ = stop_asked_ || asked;
  if (now) {
    KillEverything();
    return;
  }
  if (stopping_) return;
  stopping_ = true;
  kill_at_ = clock_.Monotonic() + std::max<Nanoseconds>(plan_.spec.stop_grace, Nanoseconds(1));
  // bwrap's child is the first process inside; it passes the signal to everything.
  const auto children =
      ReadFile(fmt::format("/proc/{}/task/{}/children", sandbox_pid_, sandbox_pid_), 4096);
  const pid_t init = children.ok() ? std::atoi(children->c_str()) : 0;
  // bwrap is our unreaped child and init is its: neither number can have been reused.
  if (init > 1) kill(init, SIGTERM);
  ArmTimer();
}

void Supervisor::KillEverything() {
  if (!killed_) kill_at_ = Nanoseconds(0);
  killed_ = true;
  if (!plan_.cgroups.empty()) KillCgroups(plan_.cgroups, std::chrono::milliseconds(50));
  if (sandbox_pid_ > 0 && !sandbox_ended_) {
    // The pid namespace dies with its first process, which dies with bwrap.
    const auto children =
        ReadFile(fmt::format("/proc/{}/task/{}/children", sandbox_pid_, sandbox_pid_), 4096);
    const pid_t init = children.ok() ? std::atoi(children->c_str()) : 0;
    if (init > 1) kill(init, SIGKILL);
    kill(sandbox_pid_, SIGKILL);
    kill_at_ = clock_.Monotonic() + kKillAgain;
  }
}

ExitRecord Supervisor::MakeExit() {
  ExitRecord record;
  ReplicaExit& exit = record.exit;
  if (program_end_) {
    exit.exit_code = program_end_->first;
    exit.signal = program_end_->second;
  } else if (killed_ || WIFSIGNALED(sandbox_status_)) {
    exit.signal = SIGKILL;
  } else {
    exit.exit_code = WEXITSTATUS(sandbox_status_);
  }
  exit.stopped = stop_asked_;
  const CgroupUsage usage = ReadUsage(plan_.cgroups);
  exit.out_of_memory = out_of_memory_ || usage.oom_kills > 0;
  exit.cpu_nanos = usage.cpu_nanos;
  exit.peak_memory_bytes = usage.peak_memory_bytes;
  if (plan_.cgroups.empty()) {
    rusage own{};
    getrusage(RUSAGE_CHILDREN, &own);
    exit.cpu_nanos = (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1'000'000'000LL +
                     (own.ru_utime.tv_usec + own.ru_stime.tv_usec) * 1000LL;
    exit.peak_memory_bytes = own.ru_maxrss * 1024LL;
  }
  struct statvfs space {};
  if (plan_.host_uid != 0 && fstatvfs(view_.scratch_root.get(), &space) == 0) {
    exit.disk_full = space.f_bavail * space.f_frsize < 65536 || space.f_favail == 0;
  }
  exit.detail = failure_;
  exit.end_time = std::max(clock_.Now(), state_.started);
  record.program_pid = state_.program_pid;
  record.started = state_.started;
  return record;
}

void Supervisor::Finish() {
  // Only an empty group lets the exit be told; what cannot be killed (D state) is named.
  while (!KillCgroups(plan_.cgroups, kKillPatience)) {
    failure_ = "processes of the replica cannot be killed; still trying";
  }
  log_->Finish();
  const ExitRecord record = MakeExit();
  // A full disk must not lose the end: keep trying, the replica stays "running" meanwhile.
  while (!WriteRecord(kExitFile, SerializeExit(record), true).ok()) {
    const timespec pause{1, 0};
    nanosleep(&pause, nullptr);
  }
  (void)RemoveCgroups(plan_.cgroups).ok();
}

Status Supervisor::WriteRecord(const char* name, const std::string& bytes, bool durable) {
  const std::string temporary = std::string(name) + ".tmp";
  UniqueFd fd(
      openat(dir_fd_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return ErrnoStatus(errno, fmt::format("create '{}'", temporary));
  RETURN_IF_ERROR(WriteAll(fd.get(), bytes));
  if (durable && fsync(fd.get()) != 0) return ErrnoStatus(errno, "fsync");
  if (renameat(dir_fd_.get(), temporary.c_str(), dir_fd_.get(), name) != 0) {
    return ErrnoStatus(errno, fmt::format("rename to '{}'", name));
  }
  if (durable && fsync(dir_fd_.get()) != 0) return ErrnoStatus(errno, "fsync folder");
  return OkStatus();
}

}  // namespace hodei::exec
