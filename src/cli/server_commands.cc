// up, down, status: the server on this machine as a background process.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/output/spinner.h"
#include "cli/process.h"
#include "cli/server_program.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr std::chrono::seconds kReadyDeadline(60);
constexpr std::chrono::seconds kStopDeadline(45);

bool Healthy(const ServerRecord& record, const std::string& ca_file) {
  if (record.url.empty()) return false;
  Result<std::unique_ptr<net::HttpClient>> client = net::HttpClient::Connect(record.url, ca_file);
  if (!client.ok()) return false;
  net::ClientRequest request;
  request.target = "/healthz";
  Result<net::ClientResponse> response = (*client)->Send(request, {}, std::chrono::seconds(5));
  return response.ok() && response->status == 200;
}

// The process is a hodeid that has not ended, and not one that got its number later.
bool RunsServer(long pid) {
  if (pid <= 0) return false;
  Result<std::string> stat = ReadFile(fmt::format("/proc/{}/stat", pid), 4096);
  if (!stat.ok()) return false;
  // "PID (NAME) STATE …"; an ended process that nobody has collected yet is in state Z.
  size_t open = stat->find('('), close = stat->rfind(')');
  if (open == stat->npos || close == stat->npos || close + 2 >= stat->size()) return false;
  char state = (*stat)[close + 2];
  return stat->compare(open + 1, 6, "hodeid") == 0 && state != 'Z' && state != 'X';
}

std::string CaFile(Context& context) {
  std::string path = context.settings().DataFolder() + "/tls/ca.pem";
  return FileExists(path) ? path : "";
}

std::string LastLines(const std::string& path, size_t bytes) {
  Result<std::string> text = ReadFile(path);
  if (!text.ok()) return "";
  return text->size() > bytes ? text->substr(text->size() - bytes) : *text;
}

void PrintLinks(Context& context, const ServerRecord& record, bool started) {
  std::string data = context.settings().DataFolder();
  std::string text =
      fmt::format("Hodei {} at {}\n\n  API:         {}\n",
                  started ? "is running" : "was already running", record.url, record.url);
  if (!record.tls_url.empty()) {
    text += fmt::format("  TLS:         {}  (authority: {}/tls/ca.pem)\n", record.tls_url, data);
  }
  text += fmt::format(
      "  Data:        {}\n  Credentials: {}\n  Server log:  {}/hodeid.log\n", data,
      record.auth == "none" ? "none asked (--auth none)" : data + "/credentials/owner.json", data);
  text +=
      "\nNext:\n  $ eval \"$(hodei env)\"                 point gcloud, gsutil and client "
      "libraries here\n"
      "  $ hodei storage buckets create gs://NAME\n  $ hodei ml-engine jobs submit training JOB "
      "--package-path trainer --module-name trainer.task \\\n        --staging-bucket gs://NAME "
      "--region "
      "us-east1 --runtime-version 2.11 --python-version 3.7\n  $ hodei doctor                      "
      "     "
      "check the installation\n  $ hodei down                             stop the server; running "
      "jobs "
      "go on\n";
  context.console().Out(text);
}

ProcessRequest ServerProcess(Context& context, const std::string& program) {
  const CommandLine& line = context.line();
  ProcessRequest request;
  request.argv = {program, "--data", context.settings().DataFolder()};
  for (const char* flag : {"listen", "listen-tls", "auth", "config"}) {
    if (line.Has(flag))
      request.argv.insert(request.argv.end(), {"--" + std::string(flag), line.Text(flag)});
  }
  request.argv.insert(request.argv.end(), line.user_args.begin(), line.user_args.end());
  request.environment = context.settings().environment();
  request.output_file = context.settings().DataFolder() + "/hodeid.log";
  request.detached = true;
  // The server must not hold the folder this shell happens to be in.
  request.folder = "/";
  return request;
}

// Waits until the started process has written its record and answers.
Result<ServerRecord> AwaitReady(Context& context, int pid) {
  Spinner spinner(&context.console(), &context.clock());
  spinner.Show("starting hodeid");
  Nanoseconds start = context.clock().Monotonic();
  while (context.clock().Monotonic() - start < kReadyDeadline) {
    Result<ServerRecord> record = context.settings().ReadServerRecord();
    if (record.ok() && record->pid == pid && Healthy(*record, CaFile(context))) return record;
    if (waitpid(pid, nullptr, WNOHANG) != 0) break;  // it has ended
    spinner.Tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  spinner.Clear();
  return Unavailable(
      fmt::format("hodeid did not become ready. Its last words in {}/hodeid.log:\n\n{}",
                  context.settings().DataFolder(),
                  LastLines(context.settings().DataFolder() + "/hodeid.log", 2000)));
}

Result<int> Up(Context& context) {
  std::string data = context.settings().DataFolder();
  Result<ServerRecord> present = context.settings().ReadServerRecord();
  if (present.ok() && RunsServer(present->pid) && Healthy(*present, CaFile(context))) {
    PrintLinks(context, *present, false);
    return 0;
  }
  ASSIGN_OR_RETURN(std::string program, FindServerProgram(context));
  RETURN_IF_ERROR_CTX(MakeDirectories(data), "make the data folder");
  ASSIGN_OR_RETURN(int pid, StartProcess(ServerProcess(context, program)));
  ASSIGN_OR_RETURN(ServerRecord record, AwaitReady(context, pid));
  PrintLinks(context, record, true);
  return 0;
}

Result<int> Down(Context& context) {
  Result<ServerRecord> record = context.settings().ReadServerRecord();
  if (!record.ok() || !RunsServer(record->pid)) {
    context.console().Err(
        fmt::format("No server is running on {}.\n", context.settings().DataFolder()));
    return 0;
  }
  // The descriptor means this very process, even if its number is given to another one meanwhile.
  UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, static_cast<pid_t>(record->pid), 0)));
  if (!process || !RunsServer(record->pid)) {
    return Unavailable(fmt::format("cannot reach process {}", record->pid));
  }
  if (syscall(SYS_pidfd_send_signal, process.get(), SIGTERM, nullptr, 0) != 0) {
    return ErrnoStatus(errno, fmt::format("stop process {}", record->pid));
  }
  Spinner spinner(&context.console(), &context.clock());
  spinner.Show("stopping hodeid");
  Nanoseconds start = context.clock().Monotonic();
  while (syscall(SYS_pidfd_send_signal, process.get(), 0, nullptr, 0) == 0) {
    if (context.clock().Monotonic() - start > kStopDeadline) {
      return DeadlineExceeded(
          fmt::format("hodeid (process {}) has not stopped after {} s; see {}/hodeid.log.",
                      record->pid, kStopDeadline.count(), context.settings().DataFolder()));
    }
    if (!RunsServer(record->pid)) break;
    spinner.Tick();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  spinner.Clear();
  context.console().Out("Hodei has stopped. Running jobs go on; `hodei up` finds them again.\n");
  return 0;
}

Result<int> PrintStatus(Context& context) {
  Result<ServerRecord> record = context.settings().ReadServerRecord();
  bool running = record.ok() && RunsServer(record->pid);
  bool healthy = record.ok() && Healthy(*record, CaFile(context));
  Json shown = {{"data", context.settings().DataFolder()},
                {"state", healthy   ? "READY"
                          : running ? "NOT_ANSWERING"
                                    : "STOPPED"}};
  if (record.ok()) {
    shown["url"] = record->url;
    if (!record->tls_url.empty()) shown["tlsUrl"] = record->tls_url;
    shown["version"] = record->version;
    if (running) shown["pid"] = record->pid;
  }
  ASSIGN_OR_RETURN(int code, context.Print(shown));
  if (!healthy) context.console().Err("\nStart it with:\n  $ hodei up\n");
  return healthy ? code : 1;
}

}  // namespace

std::vector<Command> ServerCommands() {
  return {
      {.name = "up",
       .summary = "Start the server in the background and wait until it answers",
       .description =
           "Starts hodeid on the data folder, waits until it is ready, and prints where it is "
           "and what to do next. A server that already runs is left alone.",
       .flags = {TextFlag("listen", "HOST:PORT", "Where to listen; default 127.0.0.1:8080."),
                 TextFlag("listen-tls", "HOST:PORT",
                          "Where to listen by TLS; default 127.0.0.1:8443."),
                 TextFlag("auth", "AUTH", "\"none\" asks for no credential; loopback only.")
                     .Choices({"none", "token"}),
                 TextFlag("config", "FILE", "Configuration file of the server.")},
       .run = Up,
       .examples = "  $ hodei up\n  $ hodei up --data /srv/hodei --listen 127.0.0.1:9000",
       .user_args = "Further flags for hodeid."},
      {.name = "down", .summary = "Stop the server; running jobs go on", .run = Down},
      {.name = "status",
       .summary = "Say whether the server on the data folder answers",
       .run = PrintStatus},
  };
}

}  // namespace hodei::cli
