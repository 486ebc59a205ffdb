#include "serve/serve_program.h"

#include <fmt/format.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

#include "serve/local_predict.h"
#include "serve/model_loader.h"
#include "serve/prediction_service.h"
#include "sys/file.h"

namespace hodei::serve {
namespace {

constexpr char kUsage[] =
    "usage: hodei-serve --config FILE [--port PORT]\n"
    "       hodei-serve --local MODEL_DIR [--python FILE] [--framework NAME] [--signature-name "
    "NAME]\n"
    "                   [--prediction-class MODULE.CLASS]\n"
    "--local reads a request body on stdin and prints the answer's.\n";

constexpr size_t kLoadErrorBytesMax = 16 * 1024;
constexpr auto kDrainGrace = std::chrono::milliseconds(9'000);

ProgramPaths FindPaths() {
  char self[PATH_MAX];
  const ssize_t size = readlink("/proc/self/exe", self, sizeof(self));
  ProgramPaths paths;
  paths.self.assign(self, static_cast<size_t>(std::max<ssize_t>(0, size)));
  paths.engines_dir = paths.self.substr(0, paths.self.rfind('/')) + "/engines";
  return paths;
}

// The line that the server looks for when the replica has gone.
void PrintLoadError(const std::string& error) {
  std::string line = "LOAD_ERROR ";
  AppendJsonString(error.substr(0, kLoadErrorBytesMax), &line);
  line += '\n';
  (void)WriteAll(STDERR_FILENO, line).ok();
}

Result<std::unique_ptr<HttpLoop>> Listen(const ServeConfig& config, std::optional<uint16_t> port,
                                         PredictionService* service) {
  HttpLimits limits;
  limits.request_bytes_max = config.request_bytes_max;
  HttpLoop::Handler handler = [service](const HttpRequest& request, HttpLoop::Done done) {
    service->Handle(request, std::move(done));
  };
  if (port) return HttpLoop::ListenLoopback(*port, limits, std::move(handler));
  return HttpLoop::ListenUnix(config.socket, limits, std::move(handler));
}

// Enough threads that one is free to read and to say how things are while the others predict.
int ThreadsFor(const ServeConfig& config, const PredictionService& service) {
  if (service.concurrency() >= kThreadsMax) return std::max(0, config.threads - 1);
  return service.concurrency();
}

int Serve(const ServeConfig& config, std::optional<uint16_t> port) {
  // Blocked here, so that every thread inherits it and sigwait() below is the only receiver.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  PredictionService service(config);
  Result<std::unique_ptr<HttpLoop>> loop = Listen(config, port, &service);
  Status started = loop.status();
  // A second thread only where predictions may block: it is added when the model says so.
  if (started.ok()) started = (*loop)->Start(2);
  if (!started.ok()) {
    fmt::print(stderr, "hodei-serve: {}\n", started.message());
    return 1;
  }
  if (port) fmt::print("listening on 127.0.0.1:{}\n", (*loop)->port());
  fflush(stdout);
  Result<std::unique_ptr<LoadedModel>> loaded = LoadModel(config, FindPaths());
  if (!loaded.ok()) {
    const std::string error = engine::LibraryText(loaded.status());
    service.Failed(error);
    PrintLoadError(error);
    return kExitLoadFailed;
  }
  const std::string line =
      fmt::format("model loaded: framework {}, engine {}: {}\n", (*loaded)->framework,
                  (*loaded)->engine, (*loaded)->engine_reason);
  service.Ready(std::move(loaded).value());
  fmt::print("{}", line);
  fflush(stdout);
  (*loop)->AddThreads(ThreadsFor(config, service) - 1);
  int signal_number = 0;
  sigwait(&stop_signals, &signal_number);
  service.StartDraining();
  (*loop)->Drain(kDrainGrace);
  // Not through the destructors: they would wait for a prediction that outlasts the grace.
  fflush(stdout);
  _exit(0);
}

struct Options {
  std::string config_file;
  std::string local_dir;
  std::optional<uint16_t> port;
  ServeConfig local;
};

std::optional<Options> ParseArguments(const std::vector<std::string>& arguments) {
  Options options;
  options.local.python = "python3";
  for (size_t i = 0; i < arguments.size(); i += 2) {
    if (i + 1 >= arguments.size()) return std::nullopt;
    const std::string& value = arguments[i + 1];
    if (arguments[i] == "--config") {
      options.config_file = value;
    } else if (arguments[i] == "--local") {
      options.local_dir = value;
    } else if (arguments[i] == "--python") {
      options.local.python = value;
    } else if (arguments[i] == "--framework") {
      options.local.framework = value;
    } else if (arguments[i] == "--signature-name") {
      options.local.signature_name = value;
    } else if (arguments[i] == "--prediction-class") {
      options.local.prediction_class = value;
    } else if (arguments[i] == "--port") {
      uint16_t port = 0;
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), port);
      if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size()) {
        return std::nullopt;
      }
      options.port = port;
    } else {
      return std::nullopt;
    }
  }
  if (options.config_file.empty() == options.local_dir.empty()) return std::nullopt;
  return options;
}

}  // namespace

int ServeProgram(const std::vector<std::string>& arguments) {
  if (!arguments.empty() && arguments[0] == "--compile-xgboost") {
    return CompileXgboostMain({arguments.begin() + 1, arguments.end()});
  }
  const std::optional<Options> options = ParseArguments(arguments);
  if (!options) {
    fmt::print(stderr, "{}", kUsage);
    return 2;
  }
  if (!options->local_dir.empty()) {
    ServeConfig config = options->local;
    config.model_dir = options->local_dir;
    return PredictLocally(config, FindPaths());
  }
  Result<std::string> text = ReadFile(options->config_file);
  Result<ServeConfig> config = text.ok() ? ParseServeConfig(*text) : text.status();
  if (!config.ok()) {
    fmt::print(stderr, "hodei-serve: {}\n", config.status().message());
    return 2;
  }
  return Serve(*config, options->port);
}

}  // namespace hodei::serve
