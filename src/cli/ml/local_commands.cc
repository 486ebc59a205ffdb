// local train.
#include <fmt/format.h>
#include <limits.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/local_training.h"
#include "cli/process.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

std::string LocalPython(Context& context) {
  if (auto chosen = context.settings().Property("ml_engine/local_python")) return *chosen;
  const EnvironmentVariables& environment = context.settings().environment();
  return FindProgram("python", environment).empty() ? "python3" : "python";
}

// TensorFlow 1 calls the first replica "master". Asked without importing it, which takes seconds.
std::string ChiefName(const std::string& python, const EnvironmentVariables& environment) {
  ProcessRequest request;
  request.argv = {python, "-c", "import importlib.metadata as m; print(m.version('tensorflow'))"};
  request.environment = environment;
  Result<CapturedRun> run = RunCaptured(request);
  return run.ok() && run->exit_code == 0 && run->output.rfind("1.", 0) == 0 ? "master" : "chief";
}

Result<std::string> WorkingFolder(const CommandLine& line) {
  char resolved[PATH_MAX];
  std::string package = line.Text("package-path", ".");
  if (realpath(package.c_str(), resolved) == nullptr) {
    return NotFound(fmt::format(
        "There is no folder [{}]; --package-path names the folder with your code.", package));
  }
  std::string path = resolved;
  if (!line.Has("package-path")) return path;
  size_t slash = path.rfind('/');
  return slash == 0 ? std::string("/") : path.substr(0, slash);
}

Result<int> Train(Context& context) {
  const CommandLine& line = context.line();
  LocalTraining training;
  training.module = line.Text("module-name");
  training.arguments = line.user_args;
  if (line.Has("job-dir")) {
    training.arguments.insert(training.arguments.end(), {"--job-dir", line.Text("job-dir")});
  }
  ASSIGN_OR_RETURN(training.folder, WorkingFolder(line));
  training.python = LocalPython(context);
  training.environment = context.settings().environment();
  training.distributed = line.Switch("distributed");
  if (!training.distributed) {
    for (const char* flag :
         {"parameter-server-count", "worker-count", "start-port", "evaluator-count"}) {
      if (line.Has(flag)) {
        context.console().Err(
            fmt::format("WARNING: --{} is ignored without --distributed.\n", flag));
      }
    }
  } else {
    training.chief = ChiefName(training.python, training.environment);
    training.start_port = static_cast<int>(line.Number("start-port").value_or(27182));
    training.parameter_servers =
        static_cast<int>(line.Number("parameter-server-count").value_or(2));
    training.workers = static_cast<int>(line.Number("worker-count").value_or(2));
    training.evaluators = static_cast<int>(line.Number("evaluator-count").value_or(0));
  }
  constexpr int kMostReplicas = 256;
  if (training.parameter_servers + training.workers + training.evaluators > kMostReplicas) {
    return InvalidArgument(fmt::format("At most {} processes can be started.", kMostReplicas));
  }
  return RunLocalTraining(training);
}

}  // namespace

Group LocalGroup() {
  Group group{.name = "local", .summary = "Run training code and models on this machine"};
  group.commands = {
      LocalPredictCommand(),
      {.name = "train",
       .summary = "Run a training module on this machine",
       .description =
           "Runs `python -m MODULE_NAME` with your arguments in the parent folder of the package "
           "and with "
           "the TF_CONFIG that a job would see. With --distributed it starts a primary, parameter "
           "servers "
           "and workers on this machine. The exit code is that of the (primary) process.",
       .flags = {TextFlag("module-name", "MODULE_NAME", "Python module to run.").Required(),
                 TextFlag("package-path", "PACKAGE_PATH",
                          "Folder of the package. Default: the module is "
                          "looked for in the current folder."),
                 TextFlag("job-dir", "JOB_DIR", "Passed to your program as --job-dir."),
                 SwitchFlag("distributed", "Start a cluster of processes."),
                 NumberFlag("parameter-server-count", "COUNT", "Parameter servers; default 2."),
                 NumberFlag("worker-count", "COUNT", "Workers; default 2."),
                 NumberFlag("evaluator-count", "COUNT", "Evaluators; default 0."),
                 NumberFlag("start-port", "PORT", "First port of the cluster; default 27182.")
                     .Minimum(1)},
       .run = Train,
       .examples = "  $ hodei ml-engine local train --module-name trainer.task --package-path "
                   "./trainer \\\n"
                   "      -- --epochs=2",
       .user_args = "Arguments for your program."},
  };
  return group;
}

}  // namespace hodei::cli
