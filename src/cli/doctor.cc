// hodei doctor: checks what an installation needs, one line each, with what to do about it.
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "base/ascii.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/process.h"
#include "cli/version.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

struct Finding {
  enum class Level { kOk, kWarn, kFail };
  Level level;
  std::string subject;
  std::string text;    // what was found
  std::string advice;  // what to do; empty when ok
};

using Level = Finding::Level;

constexpr uint64_t kGiB = 1024ULL * 1024 * 1024;

void CheckServer(Context& context, std::vector<Finding>* out) {
  ServerAddress server = context.settings().Server();
  Result<std::unique_ptr<net::HttpClient>> client =
      net::HttpClient::Connect(server.url, server.ca_file);
  net::ClientRequest request;
  request.target = "/healthz";
  Result<net::ClientResponse> response = client.ok()
                                             ? (*client)->Send(request, {}, std::chrono::seconds(5))
                                             : Result<net::ClientResponse>(client.status());
  if (!response.ok()) {
    out->push_back({Level::kFail, "server",
                    fmt::format("nothing answers at {} ({}): {}", server.url, server.origin,
                                response.status().message()),
                    "start it with `hodei up`, or name another one with --server=URL"});
    return;
  }
  if (response->status != 200) {
    out->push_back({Level::kFail, "server",
                    fmt::format("{} answers HTTP {} to /healthz", server.url, response->status),
                    "another program may use this port; see `hodei status`"});
    return;
  }
  out->push_back({Level::kOk, "server", fmt::format("answers at {}", server.url), ""});
  Result<ServerRecord> record = context.settings().ReadServerRecord();
  if (record.ok() && !record->version.empty() && record->version != kVersion) {
    out->push_back({Level::kWarn, "version",
                    fmt::format("this command is {}, the server is {}", kVersion, record->version),
                    "restart the server with `hodei down` and `hodei up`"});
  } else {
    out->push_back({Level::kOk, "version", std::string(kVersion), ""});
  }
}

void CheckCredential(Context& context, std::vector<Finding>* out) {
  Result<Secret> token = context.settings().AccessToken();
  if (!token.ok()) {
    out->push_back(
        {Level::kFail, "credential", token.status().message(), "run `hodei auth login`"});
    return;
  }
  Result<Api*> api = context.ServerApi();
  Result<std::string> project = context.settings().Project();
  if (!api.ok() || !project.ok()) return;
  Result<Json> answer = (*api)->Get("/v1/projects/" + *project);
  if (answer.ok()) {
    std::string account = context.settings().Account();
    out->push_back(
        {Level::kOk, "credential",
         fmt::format("{} may use project {}", account.empty() ? "the token" : account, *project),
         ""});
  } else if (answer.status().code() != Code::kUnavailable) {
    out->push_back({Level::kFail, "credential", answer.status().message(),
                    token->empty()
                        ? "there is no token: run `hodei auth login`"
                        : "check the project with `hodei projects list`, or get a fresh token "
                          "with `hodei auth activate-service-account`"});
  }
}

void CheckDataFolder(Context& context, std::vector<Finding>* out) {
  std::string data = context.settings().DataFolder();
  struct stat status {};
  if (stat(data.c_str(), &status) != 0) {
    out->push_back({Level::kWarn, "data folder", data + " does not exist", "`hodei up` makes it"});
    return;
  }
  if ((status.st_mode & 0077) != 0) {
    out->push_back(
        {Level::kWarn, "data folder",
         fmt::format("{} can be read by others (mode {:o})", data, status.st_mode & 07777),
         fmt::format("run `chmod 700 {}`", data)});
  } else {
    out->push_back({Level::kOk, "data folder", data, ""});
  }
  std::string key = data + "/credentials/owner.json";
  if (stat(key.c_str(), &status) == 0 && (status.st_mode & 0077) != 0) {
    out->push_back(
        {Level::kFail, "owner key", key + " can be read by others", "run `chmod 600 " + key + "`"});
  }
  struct statvfs space {};
  if (statvfs(data.c_str(), &space) != 0) return;
  uint64_t free_bytes = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
  double free_gib = static_cast<double>(free_bytes) / kGiB;
  bool low = free_bytes < 5 * kGiB;
  out->push_back(
      {free_bytes < kGiB ? Level::kFail
       : low             ? Level::kWarn
                         : Level::kOk,
       "disk space", fmt::format("{:.1f} GiB free", free_gib),
       low ? "Python environments need a few GiB; free some space or use --data on a larger disk"
           : ""});
}

// "Python 3.11.2" → 3.11 is fine.
void CheckPython(Context& context, std::vector<Finding>* out) {
  ProcessRequest request;
  request.argv = {"python3", "-c",
                  "import sys\nprint('%d.%d.%d' % sys.version_info[:3])\n"
                  "import importlib.util as u\nprint(' '.join(m for m in "
                  "('venv','ensurepip','setuptools') if not "
                  "u.find_spec(m)))"};
  request.environment = context.settings().environment();
  Result<CapturedRun> run = RunCaptured(request);
  if (!run.ok() || run->exit_code != 0) {
    out->push_back({Level::kFail, "python", "there is no working python3 in PATH",
                    "install python3, python3-venv and python3-setuptools"});
    return;
  }
  size_t newline = run->output.find('\n');
  std::string version = run->output.substr(0, newline);
  std::string missing = newline == std::string::npos ? "" : run->output.substr(newline + 1);
  while (!missing.empty() && missing.back() == '\n') missing.pop_back();
  if (!missing.empty()) {
    out->push_back(
        {Level::kWarn, "python", fmt::format("python3 {} lacks {}", version, missing),
         "install python3-venv and python3-setuptools (packaging a folder needs setuptools)"});
    return;
  }
  out->push_back({Level::kOk, "python", "python3 " + version, ""});
}

// One line of the server's own checks: a JSON object {"level":"ok|warn|fail","subject":…,"text":…,
// "advice":…}, or words such as "ok  sandbox: tier A".
std::optional<Finding> ParseServerFinding(std::string_view line) {
  std::string level, subject, text, advice;
  if (Result<Json> json = ParseJsonText(line); json.ok() && json->is_object()) {
    level = MemberText(*json, "level");
    subject = MemberText(*json, "subject");
    text = MemberText(*json, "text");
    advice = MemberText(*json, "advice");
  } else {
    size_t space = line.find_first_of(" :");
    size_t rest = space == line.npos ? space : line.find_first_not_of(" :", space);
    if (rest == line.npos) return std::nullopt;
    level = line.substr(0, space);
    size_t colon = line.find(": ", rest);
    subject = colon == line.npos ? "sandbox" : std::string(line.substr(rest, colon - rest));
    text = line.substr(colon == line.npos ? rest : colon + 2);
  }
  level = AsciiLower(level);
  if (level != "ok" && level != "warn" && level != "fail") return std::nullopt;
  return Finding{level == "fail"   ? Level::kFail
                 : level == "warn" ? Level::kWarn
                                   : Level::kOk,
                 subject, text, advice};
}

void CheckSandbox(Context& context, std::vector<Finding>* out) {
  std::string program = context.program_folder() + "/hodeid";
  if (access(program.c_str(), X_OK) != 0) {
    program = FindProgram("hodeid", context.settings().environment());
  }
  if (program.empty()) {
    out->push_back({Level::kWarn, "sandbox", "unknown: there is no hodeid on this machine",
                    "run `hodei doctor` where the server is"});
    return;
  }
  ProcessRequest request;
  request.argv = {program, "--doctor", "--data", context.settings().DataFolder()};
  request.environment = context.settings().environment();
  constexpr std::chrono::seconds kDeadline(30);
  Result<CapturedRun> run = RunCaptured(request, kDeadline);
  bool any = false;
  std::string output = run.ok() ? run->output : "";
  for (size_t at = 0; at < output.size();) {
    size_t end = std::min(output.find('\n', at), output.size());
    std::optional<Finding> finding =
        ParseServerFinding(std::string_view(output).substr(at, end - at));
    at = end + 1;
    if (!finding) continue;
    out->push_back(*std::move(finding));
    any = true;
  }
  if (any) return;
  out->push_back({Level::kWarn, "sandbox", "the server program tells nothing about its sandbox",
                  "see the first lines of hodeid.log in the data folder"});
}

std::string LevelText(Level level, bool colour) {
  const char* word = level == Level::kOk ? "ok  " : level == Level::kWarn ? "warn" : "FAIL";
  if (!colour) return word;
  const char* code = level == Level::kOk ? "32" : level == Level::kWarn ? "33" : "1;31";
  return fmt::format("\033[{}m{}\033[m", code, word);
}

Result<int> Doctor(Context& context) {
  std::vector<Finding> findings;
  CheckServer(context, &findings);
  CheckCredential(context, &findings);
  CheckDataFolder(context, &findings);
  CheckSandbox(context, &findings);
  CheckPython(context, &findings);
  Json list = Json::array();
  size_t failed = 0, warned = 0;
  bool colour = context.console().colour() && context.console().out_is_terminal();
  std::string text;
  for (const Finding& finding : findings) {
    failed += finding.level == Level::kFail;
    warned += finding.level == Level::kWarn;
    std::string line = StripControls(fmt::format("  {:<12} {}", finding.subject, finding.text));
    text += LevelText(finding.level, colour) + line + "\n";
    if (!finding.advice.empty())
      text += StripControls("                   → " + finding.advice) + "\n";
    list.push_back({{"level", finding.level == Level::kOk     ? "ok"
                              : finding.level == Level::kWarn ? "warn"
                                                              : "fail"},
                    {"subject", finding.subject},
                    {"text", finding.text},
                    {"advice", finding.advice}});
  }
  if (context.line().Has("format")) {
    ASSIGN_OR_RETURN(int printed, context.PrintList(list, "table(level,subject,text,advice)"));
    return failed > 0 ? 1 : printed;
  }
  context.console().OutOwn(text);
  context.console().Out(failed > 0 ? fmt::format("\n{} failed, {} to look at.\n", failed, warned)
                        : warned > 0
                            ? fmt::format("\nAll needed is there; {} to look at.\n", warned)
                            : std::string("\nEverything is in order.\n"));
  return failed > 0 ? 1 : 0;
}

}  // namespace

Command DoctorCommand() {
  return {.name = "doctor",
          .summary = "Check the installation and say what to do about what is wrong",
          .description =
              "Checks the server, its version, the credential, the data folder and its disk "
              "space, the sandbox, and Python. Each line says ok, warn or FAIL. Exits with 1 "
              "when something failed.",
          .run = Doctor};
}

}  // namespace hodei::cli
