// hodei env: prints what MakeClientEnvironment() says as shell exports and writes the files it
// names.
#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "cli/client_environment.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

// A folder below the data folder; where that is another user's, one of our own.
Result<std::string> WorkFolder(Context& context) {
  std::string folder = context.settings().DataFolder() + "/client";
  if (MakeDirectories(folder).ok() && access(folder.c_str(), W_OK) == 0) return folder;
  folder = context.settings().ConfigFolder() + "/client";
  RETURN_IF_ERROR(MakeDirectories(folder));
  return folder;
}

// The system's trust store and this installation's authority, in one file: the variables that take
// it replace the trust store, and other hosts must stay reachable.
Status WriteTrustBundle(const ClientEnvironmentInput& input) {
  ASSIGN_OR_RETURN(std::string bundle, ReadFile(input.data_folder + "/tls/ca.pem", 1 << 20));
  auto own = input.present.find("SSL_CERT_FILE");
  bool chosen = own != input.present.end() && own->second.rfind(input.work_folder, 0) != 0;
  Result<std::string> system =
      ReadFile(chosen ? own->second : "/etc/ssl/certs/ca-certificates.crt");
  if (system.ok()) bundle = *system + "\n" + bundle;
  return WriteFileDurably(input.work_folder + "/ca-bundle.pem", bundle);
}

Status WriteFiles(const ClientEnvironmentInput& input) {
  RETURN_IF_ERROR(MakeDirectories(input.work_folder + "/gcloud"));
  if (!input.tls_url.empty()) {
    RETURN_IF_ERROR(MakeDirectories(input.work_folder + "/gsutil"));
    RETURN_IF_ERROR(MakeDirectories(input.work_folder + "/gsutil-token-cache"));
    RETURN_IF_ERROR(WriteFileDurably(input.work_folder + "/boto", BotoConfiguration(input)));
  }
  bool tls = !input.tls_url.empty() || input.url.rfind("https://", 0) == 0;
  return tls ? WriteTrustBundle(input) : OkStatus();
}

Result<int> PrintEnvironment(Context& context) {
  Settings& settings = context.settings();
  ClientEnvironmentInput input;
  input.url = settings.Server().url;
  Result<ServerRecord> record = settings.ReadServerRecord();
  if (record.ok()) {
    // Without the authority's certificate nobody could check the server's.
    bool authority = FileExists(settings.DataFolder() + "/tls/ca.pem");
    input.tls_url = authority ? record->tls_url : "";
    input.asks_credential = record->auth != "none";
  } else if (!context.line().Has("server")) {
    context.console().Err(fmt::format(
        "WARNING: No server has run on the data folder {} yet; the exports name {}. Start one with "
        "`hodei up`, then run `eval \"$(hodei env)\"` again.\n",
        settings.DataFolder(), input.url));
  }
  ASSIGN_OR_RETURN(input.project, settings.Project());
  input.data_folder = settings.DataFolder();
  input.token_uri = settings.OwnerKeyMember("token_uri");
  input.present = settings.environment();
  ASSIGN_OR_RETURN(input.work_folder, WorkFolder(context));
  ClientEnvironment environment = MakeClientEnvironment(input);
  std::string text;
  if (context.line().Switch("unset")) {
    for (const auto& [name, value] : environment.exports) text += "unset " + name + "\n";
    context.console().Out(text);
    return 0;
  }
  RETURN_IF_ERROR_CTX(WriteFiles(input), "write the clients' configuration");
  for (const std::string& name : environment.unset) text += "unset " + name + "\n";
  for (const auto& [name, value] : environment.exports) {
    text += fmt::format("export {}={}\n", name, ShellQuoted(value));
  }
  for (const std::string& note : environment.notes) text += "# " + note + "\n";
  text += "# Run this to use it: eval \"$(hodei env)\"\n";
  context.console().Out(text);
  return 0;
}

}  // namespace

Command EnvCommand() {
  return {
      .name = "env",
      .summary = "Print shell exports that point Google's tools and libraries at this server",
      .description =
          "Prints `export` lines for a POSIX shell. After\n\n  $ eval \"$(hodei env)\"\n\nthe real "
          "gcloud and gsutil, Google's client libraries and hodei itself talk to this server from "
          "this shell. Nothing in your own Google configuration is read or changed: gcloud gets a "
          "configuration folder of its own inside the data folder.",
      .flags = {SwitchFlag("unset", "Print lines that take the variables away again.")},
      .run = PrintEnvironment,
      .examples =
          "  $ eval \"$(hodei env)\"\n  $ eval \"$(hodei env --data /srv/hodei)\"\n  $ eval "
          "\"$(hodei env --unset)\""};
}

}  // namespace hodei::cli
