// Properties, server and credential lookup, the clients' environment, help pages, completion.
#include "cli/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sys/stat.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/client_environment.h"
#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/help.h"
#include "cli/output/json.h"
#include "cli/testing/imposter.h"
#include "cli/testing/run_cli.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

using ::testing::HasSubstr;

class SettingsTest : public ::testing::Test {
 protected:
  std::map<std::string, std::string> Environment() {
    return {{"HODEI_CONFIG", folder_.path() + "/config"}, {"HODEI_DATA", folder_.path() + "/data"}};
  }
  CliRun Run(std::vector<std::string> words) { return RunCli(words, Environment()); }
  void WriteData(const std::string& name, const std::string& text) {
    std::string path = folder_.path() + "/data/" + name;
    ASSERT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    ASSERT_TRUE(WriteFileDurably(path, text).ok());
  }
  TemporaryDirectory folder_;
};

TEST_F(SettingsTest, KeepsProperties) {
  EXPECT_EQ(Run({"config", "get-value", "compute/region"}).err, "(unset)\n");
  EXPECT_EQ(Run({"config", "set", "compute/region", "us-east1"}).err,
            "Updated property [compute/region].\n");
  EXPECT_EQ(Run({"config", "set", "project", "p1"}).err, "Updated property [core/project].\n");
  EXPECT_EQ(Run({"config", "get-value", "compute/region"}).out, "us-east1\n");
  EXPECT_THAT(Run({"config", "list"}).out,
              HasSubstr("[compute]\nregion = us-east1\n[core]\nproject = p1\n"));
  EXPECT_EQ(Run({"config", "unset", "compute/region"}).err, "Unset property [compute/region].\n");
  EXPECT_EQ(Run({"config", "get-value", "compute/region"}).out, "");
  struct stat status {};
  ASSERT_EQ(stat((folder_.path() + "/config/properties").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SettingsTest, RefusesUnknownPropertiesAsGcloudDoes) {
  CliRun section = Run({"config", "set", "bogus/x", "y"});
  EXPECT_EQ(section.exit_code, 1);
  EXPECT_EQ(section.err, "ERROR: (hodei.config.set) Section \"bogus\" does not exist.\n");
  EXPECT_EQ(Run({"config", "set", "bogus", "y"}).err,
            "ERROR: (hodei.config.set) Section [core] has no property [bogus].\n");
  EXPECT_EQ(Run({"config", "set", "project", "a\nb"}).exit_code, 1);
}

TEST_F(SettingsTest, ReadsServerProjectAndTokenFromTheDataFolder) {
  WriteData("server.json",
            R"({"url":"http://127.0.0.1:4321","tls_url":"","pid":1,"version":"0","auth":"token"})");
  WriteData("credentials/owner.json", R"({"project_id":"px","client_email":"o@px"})");
  WriteData("credentials/owner.token", "secret\n");
  CommandLine line;
  Settings settings(&line, Environment());
  EXPECT_EQ(settings.Server().url, "http://127.0.0.1:4321");
  EXPECT_EQ(settings.Project().value_or(""), "px");
  EXPECT_EQ(settings.Account(), "o@px");
  EXPECT_EQ(settings.AccessToken()->Reveal(), "secret");
}

TEST_F(SettingsTest, FlagsComeBeforeVariablesBeforeProperties) {
  ASSERT_EQ(Run({"config", "set", "project", "file"}).exit_code, 0);
  CommandLine line;
  auto environment = Environment();
  EXPECT_EQ(Settings(&line, environment).Project().value_or(""), "file");
  environment["CLOUDSDK_CORE_PROJECT"] = "variable";
  EXPECT_EQ(Settings(&line, environment).Project().value_or(""), "variable");
  line.flags["project"] = {"flag"};
  EXPECT_EQ(Settings(&line, environment).Project().value_or(""), "flag");
  line.flags["project"] = {"123"};
  EXPECT_FALSE(Settings(&line, environment).Project().ok());
}

TEST_F(SettingsTest, TheGlobalEndpointIsNoRegion) {
  CommandLine line;
  auto environment = Environment();
  environment["CLOUDSDK_AI_PLATFORM_REGION"] = "global";
  EXPECT_FALSE(Settings(&line, environment).Region().has_value());
  environment["CLOUDSDK_COMPUTE_REGION"] = "us-east1";
  EXPECT_EQ(Settings(&line, environment).Region().value_or(""), "us-east1");
}

std::string Shown(const ClientEnvironment& environment) {
  std::string text;
  for (const std::string& name : environment.unset) text += "unset " + name + "\n";
  for (const auto& [name, value] : environment.exports)
    text += name + "=" + ShellQuoted(value) + "\n";
  for (const std::string& note : environment.notes) text += "# " + note + "\n";
  return text;
}

TEST(ClientEnvironment, IsTheGoldenOne) {
  ClientEnvironmentInput input;
  input.url = "http://127.0.0.1:8080";
  input.tls_url = "https://127.0.0.1:8443";
  input.token_uri = "http://127.0.0.1:8080/token";
  input.project = "hodei-local";
  input.data_folder = "/home/me/.local/share/hodei";
  input.work_folder = input.data_folder + "/client";
  input.present = {{"https_proxy", "http://proxy:3128"}, {"no_proxy", "localhost"}};
  std::string all = Shown(MakeClientEnvironment(input)) + "\n== boto\n" + BotoConfiguration(input);
  input.asks_credential = false;
  input.tls_url = "";
  input.present = {};
  all += "\n== --auth none, no TLS\n" + Shown(MakeClientEnvironment(input));
  ExpectGolden(HODEI_TESTDATA, "environment.txt", all);
}

// gcloud refuses an override that does not end in "/", and turns a region into a host name.
TEST(ClientEnvironment, AvoidsTheTrapsOfGcloud) {
  ClientEnvironmentInput input;
  input.url = "http://127.0.0.1:8080";
  for (const auto& [name, value] : MakeClientEnvironment(input).exports) {
    bool override = name.rfind("CLOUDSDK_API_ENDPOINT_OVERRIDES_", 0) == 0;
    EXPECT_TRUE(!override || value.back() == '/') << name;
    EXPECT_TRUE(name != "CLOUDSDK_AI_PLATFORM_REGION" || value == "global");
  }
}

TEST(ClientEnvironment, QuotesForTheShell) {
  EXPECT_EQ(ShellQuoted("a/b-c"), "a/b-c");
  EXPECT_EQ(ShellQuoted("a b"), "'a b'");
  EXPECT_EQ(ShellQuoted("$(x)'`"), "'$(x)'\\''`'");
  EXPECT_EQ(ShellQuoted(""), "''");
}

TEST_F(SettingsTest, EnvPrintsExportsAndWritesItsFiles) {
  WriteData(
      "server.json",
      R"({"url":"http://127.0.0.1:1","tls_url":"https://127.0.0.1:2","auth":"token","pid":1})");
  WriteData("tls/ca.pem", "-----BEGIN CERTIFICATE-----\n");
  CliRun run = Run({"env"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out,
              HasSubstr("export CLOUDSDK_CONFIG=" + folder_.path() + "/data/client/gcloud\n"));
  EXPECT_TRUE(FileExists(folder_.path() + "/data/client/boto"));
  EXPECT_THAT(ReadFile(folder_.path() + "/data/client/ca-bundle.pem").value_or(""),
              ::testing::EndsWith("-----BEGIN CERTIFICATE-----\n"));
  EXPECT_THAT(Run({"env", "--unset"}).out, HasSubstr("unset CLOUDSDK_CONFIG\n"));
}

void CollectHelp(const Group& group, CommandLine line, std::string* out) {
  line.group = &group;
  *out += HelpPage(line, false) + "\n" + std::string(80, '#') + "\n";
  for (const Command& command : group.commands) {
    if (command.hidden) continue;
    CommandLine inner = line;
    inner.command = &command;
    inner.path.push_back(command.name);
    *out += HelpPage(inner, false) + "\n" + std::string(80, '#') + "\n";
  }
  for (const Group& inner_group : group.groups) {
    CommandLine inner = line;
    inner.path.push_back(inner_group.name);
    CollectHelp(inner_group, inner, out);
  }
}

TEST(Help, EveryPageIsTheGoldenOne) {
  Group root = BuildCommands();
  std::string all;
  CollectHelp(root, {}, &all);
  ExpectGolden(HODEI_TESTDATA, "help.txt", all);
}

void CheckTexts(const Group& group, const std::string& path) {
  EXPECT_FALSE(group.summary.empty()) << path;
  for (const Command& command : group.commands) {
    std::string name = path + " " + command.name;
    EXPECT_FALSE(command.summary.empty()) << name;
    EXPECT_NE(command.summary.back(), '.') << name;
    EXPECT_NE(command.run, nullptr) << name;
    for (const Flag& flag : command.flags) {
      EXPECT_FALSE(flag.help.empty()) << name << " --" << flag.name;
      EXPECT_TRUE(flag.kind == FlagKind::kSwitch || !flag.metavar.empty())
          << name << " --" << flag.name;
    }
  }
  for (const Group& inner : group.groups) CheckTexts(inner, path + " " + inner.name);
}

TEST(Help, EveryCommandExplainsItself) { CheckTexts(BuildCommands(), "hodei"); }

TEST_F(SettingsTest, CompletesWordsAndFlags) {
  EXPECT_EQ(Run({"completion", "words", "--", "ml-engine", "jobs", "su"}).out, "submit\n");
  EXPECT_THAT(
      Run({"completion", "words", "--", "ml-engine", "jobs", "submit", "training", "--stag"}).out,
      "--staging-bucket=\n");
  EXPECT_EQ(
      Run({"completion", "words", "--", "ml-engine", "jobs", "submit", "training", "--", "--st"})
          .out,
      "");
  EXPECT_THAT(Run({"completion", "bash"}).out, HasSubstr("complete -o bashdefault"));
  EXPECT_EQ(Run({"completion", "fish"}).exit_code, 1);
}

std::string NewRsaKey() {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_RSA_gen(2048), EVP_PKEY_free);
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  long size = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

// A `hodeid` that prints what the test wants.
class ServerProgram : public SettingsTest {
 protected:
  CliRun RunWith(const std::string& script, std::vector<std::string> words) {
    std::string bin = folder_.path() + "/bin";
    EXPECT_TRUE(MakeDirectories(bin).ok());
    EXPECT_TRUE(WriteFileDurably(bin + "/hodeid", "#!/bin/sh\n" + script, 0700).ok());
    auto environment = Environment();
    const char* path = getenv("PATH");
    environment["PATH"] = bin + ":" + (path == nullptr ? "/usr/bin:/bin" : path);
    return RunCli(words, environment);
  }
};

TEST_F(ServerProgram, DoctorShowsTheServersOwnFindings) {
  CliRun run = RunWith(
      "echo 'ok   sandbox: tier A, full isolation'\necho 'warn internet: none'\necho noise\n"
      "echo '{\"level\":\"fail\",\"subject\":\"escape\",\"text\":\"got "
      "out\",\"advice\":\"stop\"}'\n",
      {"doctor", "--server", "http://127.0.0.1:1"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.out, HasSubstr("FAIL  server       nothing answers at http://127.0.0.1:1"));
  EXPECT_THAT(run.out, HasSubstr("ok    sandbox      tier A, full isolation\n"));
  EXPECT_THAT(run.out, HasSubstr("warn  internet     none\n"));
  EXPECT_THAT(run.out, HasSubstr("FAIL  escape       got out\n                   → stop\n"));
}

TEST_F(ServerProgram, UpShowsTheLastWordsOfAServerThatDoesNotStart) {
  CliRun run = RunWith("echo 'hodeid: the port is taken'; exit 1\n", {"up"});
  EXPECT_EQ(run.exit_code, 1);
  EXPECT_THAT(run.err, HasSubstr("hodeid: the port is taken"));
}

TEST_F(ServerProgram, DownWithoutAServerIsNoError) {
  WriteData("server.json", R"({"url":"http://127.0.0.1:1","pid":1,"auth":"token"})");
  CliRun run = Run({"down"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.err, HasSubstr("No server is running on"));
  EXPECT_EQ(Run({"status"}).exit_code, 1);
}

TEST_F(SettingsTest, ActivatesAServiceAccountKey) {
  Imposter server;
  server.On("POST", "/token", 200,
            R"({"access_token":"t0","expires_in":3599,"token_type":"Bearer"})");
  server.On("GET", "/v1/projects", [](const ImposterRequest& request) {
    EXPECT_EQ(request.headers.Get("Authorization"), "Bearer t0");
    return net::TextResponse(200, "application/json", "{}");
  });
  std::string pem = NewRsaKey();
  Json key = {{"type", "service_account"}, {"project_id", "px"},
              {"private_key_id", "k"},     {"private_key", pem},
              {"client_email", "a@px"},    {"token_uri", server.url() + "/token"}};
  std::string path = folder_.path() + "/key.json";
  ASSERT_TRUE(WriteFileDurably(path, key.dump()).ok());
  CliRun run = Run({"auth", "activate-service-account", "--key-file", path});
  EXPECT_EQ(run.err, "Activated service account credentials for: [a@px]\n");
  EXPECT_THAT(server.requests().front().body,
              HasSubstr("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"));
  EXPECT_EQ(Run({"auth", "print-access-token"}).out, "t0\n");
  EXPECT_EQ(Run({"projects", "list", "--server", server.url()}).exit_code, 0);
  EXPECT_EQ(Run({"config", "get-value", "project"}).out, "px\n");
  EXPECT_THAT(Run({"auth", "list"}).out, HasSubstr("*       a@px"));
  EXPECT_EQ(Run({"auth", "revoke"}).exit_code, 0);
  EXPECT_EQ(Run({"auth", "print-access-token"}).exit_code, 1);
}

}  // namespace
}  // namespace hodei::cli
