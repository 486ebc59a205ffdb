// auth …, and init: the credential this command sends.
#include <fmt/format.h>

#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/service_account.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

Status NoAccount() {
  return Unauthenticated(
      "You do not currently have an active account selected.\nPlease run:\n\n  $ hodei auth "
      "login\n\nto "
      "use the owner's account of the installation on this machine, or\n\n  $ hodei auth "
      "activate-service-account --key-file=KEY.json\n\nto use a key of a service account.");
}

Result<int> ListAccounts(Context& context) {
  std::string account = context.settings().Account();
  Result<Secret> token = context.settings().AccessToken();
  if (account.empty() || !token.ok() || token->empty()) {
    context.console().Err(
        "\nNo credentialed accounts.\n\nTo login, run:\n  $ hodei auth login\n\n");
    return 0;
  }
  if (context.line().Has("format")) {
    Json list = Json::array({{{"account", account}, {"status", "ACTIVE"}}});
    return context.PrintList(list, "table(status,account)", "account");
  }
  context.console().Out("Credentialed Accounts\nACTIVE  ACCOUNT\n*       " + account + "\n");
  context.console().Err(
      "\nTo set the active account, run:\n    $ hodei config set account `ACCOUNT`\n\n");
  return 0;
}

Result<int> PrintToken(Context& context) {
  RETURN_IF_ERROR(RefreshServiceAccountToken(context));
  ASSIGN_OR_RETURN(Secret token, context.settings().AccessToken());
  if (token.empty()) return NoAccount();
  context.console().Out(token.Reveal() + "\n");
  return 0;
}

Result<int> Activate(Context& context) {
  ASSIGN_OR_RETURN(std::string account,
                   ActivateServiceAccount(context, context.line().Text("key-file")));
  context.console().Err(fmt::format("Activated service account credentials for: [{}]\n", account));
  return 0;
}

Result<int> Login(Context& context) {
  Result<Secret> token = context.settings().AccessToken();
  std::string account = context.settings().Account();
  if (token.ok() && !token->empty()) {
    ASSIGN_OR_RETURN(std::string project, context.settings().Project());
    context.console().Err(
        fmt::format("\nYou are now logged in as [{}].\nYour current project is [{}].  You can "
                    "change this setting by "
                    "running:\n  $ hodei config set project PROJECT_ID\n",
                    account, project));
    return 0;
  }
  return Unauthenticated(
      fmt::format("There is no owner's credential in {}/credentials.\nStart a server there with "
                  "`hodei up`, name "
                  "another data folder with --data=DIR, or use a key:\n\n  $ hodei auth "
                  "activate-service-account "
                  "--key-file=KEY.json",
                  context.settings().DataFolder()));
}

Result<int> Revoke(Context& context) {
  RETURN_IF_ERROR(ForgetServiceAccount(context));
  context.console().Err("Revoked the activated credentials of this command.\n");
  return 0;
}

Result<int> Init(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(PropertyFile file, PropertyFile::Read(context.settings().PropertyPath()));
  if (line.Has("server")) file.Set({"core", "server"}, context.settings().Server().url);
  if (line.Has("data")) file.Set({"core", "data"}, context.settings().DataFolder());
  if (line.Has("project")) file.Set({"core", "project"}, line.Text("project"));
  if (line.Has("region")) file.Set({"compute", "region"}, line.Text("region"));
  if (line.Has("ca-file")) file.Set({"core", "ca_file"}, line.Text("ca-file"));
  if (file.sections().empty()) file.Set({"compute", "region"}, "us-east1");
  RETURN_IF_ERROR(file.Write());
  if (line.Has("key-file")) {
    ASSIGN_OR_RETURN(std::string activated, ActivateServiceAccount(context, line.Text("key-file")));
  }
  ServerAddress server = context.settings().Server();
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json projects, api->Get("/v1/projects"));
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  std::string account = context.settings().Account();
  context.console().Err(
      fmt::format("hodei is ready to use.\n\n  server:  {}\n  account: {}\n  project: {}\n\nTry:\n "
                  " $ hodei ml-engine "
                  "models list\n  $ hodei doctor\n",
                  server.url, account.empty() ? "(none)" : account, project));
  return 0;
}

Group ApplicationDefaultGroup() {
  Group group{.name = "application-default",
              .summary = "The credential that client libraries find by themselves"};
  group.commands = {
      {.name = "print-access-token", .summary = "Print an access token", .run = PrintToken},
      {.name = "login",
       .summary = "Say which credential the libraries use",
       .description =
           "Client libraries read the key that GOOGLE_APPLICATION_CREDENTIALS names; run "
           "eval \"$(hodei env)\" to set it.",
       .run = Login},
  };
  return group;
}

}  // namespace

Group AuthGroup() {
  Group group{.name = "auth", .summary = "Choose the account this command acts as"};
  group.groups = {ApplicationDefaultGroup()};
  group.commands = {
      {.name = "activate-service-account",
       .summary = "Use the key of a service account",
       .description =
           "Exchanges the key for an access token at the key's token_uri, keeps both in your "
           "hodei configuration folder (mode 0600), and uses them from now on.",
       .positionals = {{.metavar = "ACCOUNT",
                        .help = "E-mail of the account; read from the key when "
                                "left out.",
                        .required = false}},
       .flags = {TextFlag("key-file", "KEY_FILE", "File with the key, as JSON.").Required()},
       .run = Activate},
      {.name = "list", .summary = "List the accounts with a credential", .run = ListAccounts},
      {.name = "login",
       .summary = "Use the owner's account of the installation on this machine",
       .description =
           "There is no browser sign-in: the owner's credential lies in the data folder, "
           "readable by its owner only.",
       .run = Login},
      {.name = "print-access-token", .summary = "Print the access token in use", .run = PrintToken},
      {.name = "revoke",
       .summary = "Forget an activated key",
       .positionals = {{.metavar = "ACCOUNT", .help = "E-mail of the account.", .required = false}},
       .run = Revoke},
  };
  return group;
}

Command InitCommand() {
  return {.name = "init",
          .summary = "Set up this command for a server and check that it answers",
          .description =
              "Writes the properties given by flags, then asks the server for its projects. "
              "Without flags it uses the server running on this machine's data folder.",
          .flags = {TextFlag("region", "REGION", "Region that jobs name when none is given."),
                    TextFlag("key-file", "KEY_FILE", "Key of a service account to act as."),
                    TextFlag("ca-file", "FILE", "Certificate authority of an https server, PEM.")},
          .run = Init,
          .examples =
              "  $ hodei init\n  $ hodei init --server https://train.example.org --key-file "
              "key.json --ca-file ca.pem"};
}

}  // namespace hodei::cli
