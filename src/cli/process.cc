#include "cli/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "sys/file.h"
#include "sys/unique_fd.h"

namespace hodei::cli {
namespace {

// Everything the child needs, made before fork(): after it only async-signal-safe calls are
// allowed.
struct ChildImage {
  std::string program;
  std::vector<std::string> texts;
  std::vector<char*> argv;
  std::vector<char*> environment;
};

ChildImage MakeImage(const ProcessRequest& request, std::string program) {
  ChildImage image;
  image.program = std::move(program);
  for (const auto& [name, value] : request.environment) image.texts.push_back(name + "=" + value);
  for (std::string& text : image.texts) image.environment.push_back(text.data());
  for (const std::string& word : request.argv)
    image.argv.push_back(const_cast<char*>(word.c_str()));
  image.environment.push_back(nullptr);
  image.argv.push_back(nullptr);
  return image;
}

[[noreturn]] void RunChild(const ChildImage& image, const ProcessRequest& request, int output) {
  if (request.detached) {
    setsid();
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, STDIN_FILENO);
  }
  if (output >= 0) {
    dup2(output, STDOUT_FILENO);
    dup2(output, STDERR_FILENO);
  }
  if (!request.folder.empty() && chdir(request.folder.c_str()) != 0) _exit(126);
  // The user's program gets default signal handling back.
  signal(SIGPIPE, SIG_DFL);
  execve(image.program.c_str(), image.argv.data(), image.environment.data());
  _exit(127);
}

Result<int> Fork(const ProcessRequest& request, int output) {
  std::string program = request.argv.front();
  if (program.find('/') == program.npos) program = FindProgram(program, request.environment);
  if (program.empty() || access(program.c_str(), X_OK) != 0) {
    return NotFound(fmt::format("There is no program [{}].", request.argv.front()));
  }
  ChildImage image = MakeImage(request, program);
  int pid = fork();
  if (pid < 0) return ErrnoStatus(errno, "fork");
  if (pid == 0) RunChild(image, request, output);
  return pid;
}

}  // namespace

std::string FindProgram(const std::string& name,
                        const std::map<std::string, std::string>& environment) {
  auto found = environment.find("PATH");
  std::string path = found == environment.end() ? "/usr/local/bin:/usr/bin:/bin" : found->second;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find(':', at), path.size());
    std::string candidate = path.substr(at, end - at) + "/" + name;
    if (access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  return "";
}

Result<int> StartProcess(const ProcessRequest& request) {
  UniqueFd output;
  if (!request.output_file.empty()) {
    ASSIGN_OR_RETURN(output,
                     OpenFile(request.output_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC));
  }
  return Fork(request, output ? output.get() : -1);
}

int WaitProcess(int pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) return 1;
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Result<CapturedRun> RunCaptured(const ProcessRequest& request, std::chrono::milliseconds deadline) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe2");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ASSIGN_OR_RETURN(int pid, Fork(request, writer.get()));
  writer.Reset();
  CapturedRun run;
  auto until = std::chrono::steady_clock::now() + deadline;
  char buffer[16384];
  while (true) {
    int wait_ms = -1;
    if (deadline.count() > 0) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          until - std::chrono::steady_clock::now());
      wait_ms = static_cast<int>(std::max<long>(left.count(), 0));
    }
    pollfd ready{reader.get(), POLLIN, 0};
    int count = poll(&ready, 1, wait_ms);
    if (count == 0) {
      kill(pid, SIGKILL);
      WaitProcess(pid);
      return DeadlineExceeded(
          fmt::format("[{}] did not end within {} ms", request.argv.front(), deadline.count()));
    }
    ssize_t size = count < 0 ? -1 : read(reader.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    size_t room = kCaptureLimitBytes - run.output.size();
    run.output.append(buffer, std::min(static_cast<size_t>(size), room));
  }
  run.exit_code = WaitProcess(pid);
  return run;
}

}  // namespace hodei::cli
