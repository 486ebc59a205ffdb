// hodeid: the server. What the process is stands in server.cc; this is its start and its end.
#include <fmt/format.h>
#include <malloc.h>
#include <signal.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <thread>

#include "base/failpoint.h"
#include "hodei/config.pb.h"
#include "server/data_commands.h"
#include "server/doctor.h"
#include "server/options.h"
#include "server/server.h"
#include "sys/file.h"
#include "wire/json/yaml.h"

namespace hodei::server {
namespace {

constexpr const char* kVersion = "0.1.0";
constexpr int kUsageError = 2;

int Fail(const Status& status, int code = 1) {
  fmt::print(stderr, "hodeid: {}\n", status.message());
  return code;
}

Result<Config> LoadConfig(const std::string& path) {
  Config config;
  if (path.empty()) return config;
  ASSIGN_OR_RETURN_CTX(const std::string text, ReadFile(path), "read the configuration");
  RETURN_IF_ERROR_CTX(wire::ParseYaml(text, &config), fmt::format("configuration '{}'", path));
  return config;
}

// Descriptors are the first thing a busy server runs out of.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

// A hundred threads that mostly wait for disks need no eight arenas for each core: what one has
// freed no other uses.
void LimitArenas() {
  constexpr int kArenasLeast = 4;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  (void)mallopt(M_ARENA_MAX, std::max(kArenasLeast, cores));
}

// Blocks the signals that speak to the server in every thread, so that main can wait for them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

// SIGHUP (fault F28): the configuration and the certificates are read again. What is bad changes
// nothing. Of the configuration, server.public_names takes effect; the rest waits for a restart.
void Reload(const Options& options, Server* server) {
  const Result<Config> config = LoadConfig(options.config_file);
  const Status status = config.ok() ? server->ReloadCertificates(*config) : config.status();
  if (status.ok()) {
    spdlog::info("certificates reloaded; other settings take effect with a restart");
  } else {
    spdlog::error("reload: {}; everything stays as it was", status.message());
  }
}

int Run(const Options& options) {
  const Result<Config> config = LoadConfig(options.config_file);
  if (!config.ok()) return Fail(config.status());
  if (const Status exposed = CheckExposure(options); !exposed.ok()) return Fail(exposed);
  const sigset_t signals = BlockSignals();
  RaiseFileLimit();
  LimitArenas();
  umask(022);  // modes are said where files are made; sandboxes must read what is made for them
  Result<std::unique_ptr<Server>> server = Server::Start(options, *config);
  if (!server.ok()) return Fail(server.status());
  for (const std::string& notice : (*server)->notices()) fmt::print("{}\n", notice);
  if (!(*server)->tls_url().empty()) fmt::print("listening on {}\n", (*server)->tls_url());
  fmt::print("listening on {}\n", (*server)->url());
  std::fflush(stdout);
  int received = 0;
  while (sigwait(&signals, &received) == 0 && received == SIGHUP) Reload(options, server->get());
  spdlog::info("stopping; running jobs go on");
  (*server)->Stop();
  return 0;
}

int Main(int argc, char** argv) {
  spdlog::set_default_logger(spdlog::stderr_color_mt("hodeid"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc);
  ArmFailpointsFromEnvironment();
  const Result<Options> options = ParseOptions(argc, argv);
  if (!options.ok()) return Fail(options.status(), kUsageError);
  if (options->help) {
    fmt::print("{}", UsageText());
    return 0;
  }
  if (options->version) {
    fmt::print("hodeid {}\n", kVersion);
    return 0;
  }
  if (options->doctor) return RunDoctor();
  if (options->check || !options->backup_to.empty()) {
    const Result<Config> config = LoadConfig(options->config_file);
    if (!config.ok()) return Fail(config.status());
    return options->check ? RunCheck(options->data_dir, *config)
                          : RunBackup(options->data_dir, options->backup_to, *config);
  }
  if (!options->restore_from.empty()) return RunRestore(options->restore_from, options->data_dir);
  return Run(*options);
}

}  // namespace
}  // namespace hodei::server

int main(int argc, char** argv) { return hodei::server::Main(argc, argv); }
