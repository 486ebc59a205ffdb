#include "engine/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

extern char** environ;

namespace hodei::engine {
namespace {

// Descriptors of the started program are below this.
constexpr int kTargetsEnd = 64;

std::vector<char*> Pointers(std::vector<std::string>* strings) {
  std::vector<char*> pointers;
  for (std::string& string : *strings) pointers.push_back(string.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> EnvironmentWith(const std::vector<std::string>& extra) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  environment.insert(environment.end(), extra.begin(), extra.end());
  return environment;
}

}  // namespace

Result<pid_t> StartProgram(const std::vector<std::string>& argv,
                           const std::vector<std::string>& extra_environment,
                           const std::vector<std::pair<int, int>>& descriptors) {
  std::vector<std::string> arguments = argv;
  std::vector<std::string> environment = EnvironmentWith(extra_environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Copies above every target, so that no dup2 overwrites the source of a later one.
  std::vector<UniqueFd> sources;
  for (const auto& [ours, theirs] : descriptors) {
    sources.emplace_back(fcntl(ours, F_DUPFD_CLOEXEC, kTargetsEnd));
    posix_spawn_file_actions_adddup2(&actions, sources.back().get(), theirs);
  }
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Signals that this program ignores or blocks must reach the other one.
  sigset_t none;
  sigset_t defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  sigaddset(&defaults, SIGPIPE);
  sigaddset(&defaults, SIGTERM);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &defaults);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  const int error = posix_spawnp(&pid, arguments[0].c_str(), &actions, &attributes,
                                 Pointers(&arguments).data(), Pointers(&environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return ErrnoStatus(error, fmt::format("start '{}'", argv[0]));
  return pid;
}

Result<ProgramOutput> RunToEnd(const std::vector<std::string>& argv, size_t limit_bytes) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe2");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ASSIGN_OR_RETURN(pid_t pid, StartProgram(argv, {}, {{writer.get(), STDOUT_FILENO}}));
  writer.Reset();
  ProgramOutput output;
  bool too_much = false;
  std::vector<char> piece(64 * 1024);
  for (;;) {
    const ssize_t got = read(reader.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    if (output.text.size() + static_cast<size_t>(got) > limit_bytes) {
      too_much = true;
      kill(pid, SIGKILL);
      break;
    }
    output.text.append(piece.data(), static_cast<size_t>(got));
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (too_much) return ResourceExhausted(fmt::format("'{}' printed too much", argv[0]));
  output.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return output;
}

}  // namespace hodei::engine
