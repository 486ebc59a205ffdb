#include "exec/replica_init/init.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "exec/record/init_protocol.h"
#include "exec/replica_init/forwarder.h"
#include "exec/replica_init/name_server.h"
#include "sys/unique_fd.h"

namespace hodei::exec {
namespace {

constexpr char kApiAddress[] = "127.0.0.1";
constexpr uint16_t kApiPort = 8380;  // kJobApiAddress
constexpr char kApiSocket[] = "/run/hodei/api.sock";
constexpr char kWebSocket[] = "/run/hodei/web.sock";
constexpr char kTlsSocket[] = "/run/hodei/tls.sock";
constexpr int kSandboxFailed = 125;

struct Launch {
  std::string bytes;  // what the pointers below point into
  const char* work_dir = nullptr;
  bool forward_api = false;
  bool rlimits = false;
  rlim_t pids = 0;
  rlim_t memory_bytes = 0;
  std::vector<std::string> private_names;
  std::vector<std::string> name_servers;
  std::vector<char*> argv;
  std::vector<char*> env;
};

// The list that starts at `*next`, which moves behind it; false when it is cut short.
bool ReadList(const std::vector<char*>& strings, size_t* next, std::vector<char*>* list) {
  if (*next >= strings.size()) return false;
  const size_t count = std::strtoull(strings[*next], nullptr, 10);
  if (count > strings.size() - *next - 1) return false;
  const auto first = strings.begin() + static_cast<std::ptrdiff_t>(*next) + 1;
  list->assign(first, first + static_cast<std::ptrdiff_t>(count));
  *next += count + 1;
  return true;
}

bool ReadLaunch(Launch* launch) {
  UniqueFd fd(kInitLaunchFd);
  char buffer[65536];
  for (off_t at = 0;;) {
    const ssize_t n = pread(fd.get(), buffer, sizeof buffer, at);
    if (n < 0) return false;
    if (n == 0) break;
    launch->bytes.append(buffer, static_cast<size_t>(n));
    at += n;
  }
  std::vector<char*> strings;
  for (size_t at = 0; at < launch->bytes.size(); at = launch->bytes.find('\0', at) + 1) {
    strings.push_back(launch->bytes.data() + at);
  }
  if (strings.size() < 4) return false;
  launch->work_dir = strings[0];
  launch->forward_api = std::strchr(strings[1], 'a') != nullptr;
  launch->rlimits = std::strchr(strings[1], 'n') != nullptr;
  launch->pids = std::strtoull(strings[2], nullptr, 10);
  launch->memory_bytes = std::strtoull(strings[3], nullptr, 10);
  size_t next = 4;
  std::vector<char*> names;
  std::vector<char*> servers;
  if (!ReadList(strings, &next, &names) || !ReadList(strings, &next, &servers) ||
      !ReadList(strings, &next, &launch->argv) || launch->argv.empty()) {
    return false;
  }
  launch->private_names.assign(names.begin(), names.end());
  launch->name_servers.assign(servers.begin(), servers.end());
  launch->env.assign(strings.begin() + static_cast<std::ptrdiff_t>(next), strings.end());
  launch->argv.push_back(nullptr);
  launch->env.push_back(nullptr);
  return true;
}

void Say(char kind, const std::string& text) {
  const std::string message = kind + text;
  (void)!send(kInitSocketFd, message.data(), message.size(), MSG_NOSIGNAL);
}

bool AwaitGo() {
  char word = 0;
  ssize_t n = 0;
  do {
    n = recv(kInitSocketFd, &word, 1, 0);
  } while (n < 0 && errno == EINTR);
  return n == 1 && word == 'G';
}

[[noreturn]] void Fail(const std::string& what) {
  Say('E', what + ": " + std::strerror(errno));
  _exit(127);
}

void LimitByRlimits(const Launch& launch) {
  const rlimit pids{launch.pids, launch.pids};
  setrlimit(RLIMIT_NPROC, &pids);
  const rlimit memory{launch.memory_bytes, launch.memory_bytes};
  setrlimit(RLIMIT_DATA, &memory);
}

[[noreturn]] void BecomeProgram(const Launch& launch) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  for (int number = 1; number < 32; ++number) signal(number, SIG_DFL);
  setpgid(0, 0);
  // The kernel shall choose the program before us when memory runs out.
  if (const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC); fd >= 0) {
    (void)!write(fd, "300", 3);
    close(fd);
  }
  if (launch.rlimits) LimitByRlimits(launch);
  if (chdir(launch.work_dir) != 0) Fail(std::string("enter '") + launch.work_dir + "'");
  Say('P', "");
  execve(launch.argv[0], launch.argv.data(), launch.env.data());
  Fail(std::string("execute '") + launch.argv[0] + "'");
}

// Reaps every ended child; true and the status when the program itself was among them.
bool Reap(pid_t program, int* status) {
  bool ended = false;
  for (;;) {
    int one = 0;
    const pid_t pid = waitpid(-1, &one, WNOHANG);
    if (pid <= 0) return ended;
    if (pid == program) {
      *status = one;
      ended = true;
    }
  }
}

// From pid 1 this reaches every process of the sandbox in one call, stopped ones included.
void TerminateEverything() {
  kill(-1, SIGTERM);
  kill(-1, SIGCONT);
}

// What the replica reaches of the server: everything that listens for its program.
class Services {
 public:
  explicit Services(const Launch& launch)
      : api_(kApiAddress, kApiPort, kApiSocket),
        web_(kPrivateAddress, 80, kWebSocket),
        tls_(kPrivateAddress, 443, kTlsSocket),
        names_({.address = kPrivateAddress,
                .zones = launch.private_names,
                .resolvers = launch.name_servers}),
        private_(!launch.private_names.empty()) {}

  // What could not be done, with errno; null when all listen.
  const char* Listen(int epoll_fd) {
    if (!api_.Listen(epoll_fd)) return "listen for the API";
    if (!private_) return nullptr;
    if (!names_.Listen(epoll_fd)) return "listen for name look-ups";
    if (!web_.Listen(epoll_fd) || !tls_.Listen(epoll_fd)) return "listen at the private address";
    return nullptr;
  }

  void Handle(int fd, uint32_t events) {
    if (api_.Handle(fd, events) || !private_) return;
    if (tls_.Handle(fd, events) || web_.Handle(fd, events)) return;
    names_.Handle(fd, events);
  }

 private:
  Forwarder api_;
  Forwarder web_;
  Forwarder tls_;
  NameServer names_;
  const bool private_;
};

int Serve(pid_t program, int epoll_fd, int signals, Services* services) {
  int status = 0;
  for (;;) {
    epoll_event events[32];
    const int count = epoll_wait(epoll_fd, events, 32, -1);
    if (count < 0 && errno != EINTR) return kSandboxFailed;
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd != signals) {
        services->Handle(events[i].data.fd, events[i].events);
        continue;
      }
      signalfd_siginfo info{};
      while (read(signals, &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
        if (info.ssi_signo == SIGTERM) TerminateEverything();
      }
      if (!Reap(program, &status)) continue;
      const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
      const int killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
      Say('X', std::to_string(code) + " " + std::to_string(killed));
      return killed != 0 ? 128 + killed : code;
    }
  }
}

}  // namespace

int RunReplicaInit() {
  fcntl(kInitSocketFd, F_SETFD, FD_CLOEXEC);
  close_range(kInitLaunchFd + 1, ~0U, 0);
  // Nobody in the sandbox may look into this process.
  prctl(PR_SET_DUMPABLE, 0);
  Launch launch;
  if (!ReadLaunch(&launch)) return kSandboxFailed;
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigaddset(&mask, SIGTERM);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  signal(SIGPIPE, SIG_IGN);
  UniqueFd epoll_fd(epoll_create1(EPOLL_CLOEXEC));
  UniqueFd signals(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = signals.get();
  epoll_ctl(epoll_fd.get(), EPOLL_CTL_ADD, signals.get(), &event);
  Services services(launch);
  if (const char* failed = launch.forward_api ? services.Listen(epoll_fd.get()) : nullptr) {
    Say('E', std::string(failed) + ": " + std::strerror(errno));
    return kSandboxFailed;
  }
  Say('R', "");
  if (!AwaitGo()) return kSandboxFailed;
  const pid_t program = fork();
  if (program < 0) {
    Say('E', std::string("fork: ") + std::strerror(errno));
    return kSandboxFailed;
  }
  if (program == 0) BecomeProgram(launch);
  return Serve(program, epoll_fd.get(), signals.get(), &services);
}

}  // namespace hodei::exec
