// local predict: the serving program on a folder of this machine, without a server.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/prediction_text.h"
#include "cli/process.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr size_t kAnswerLimitBytes = 256ULL << 20;

// The serving program beside this one, or in PATH.
Result<std::string> ServingProgram(Context& context) {
  std::string beside = context.program_folder() + "/hodei-serve";
  if (FileExists(beside)) return beside;
  std::string found = FindProgram("hodei-serve", context.settings().environment());
  if (!found.empty()) return found;
  return NotFound(
      "hodei-serve, which runs models, is neither beside this program nor in PATH. Build it with "
      "`./run build`.");
}

std::string LocalPython(Context& context) {
  if (auto chosen = context.settings().Property("ml_engine/local_python")) return *chosen;
  const EnvironmentVariables& environment = context.settings().environment();
  for (const char* name : {"python", "python3"}) {
    std::string path = FindProgram(name, environment);
    if (!path.empty()) return path;
  }
  return "";
}

struct LocalRun {
  int exit_code = 0;
  std::string out;
  std::string err;
};

// Runs the program with files as its three streams: requests and answers can be large.
Result<LocalRun> RunWithInput(Context& context, std::vector<std::string> argv,
                              const std::string& input) {
  TemporaryDirectory folder;
  const std::string base = folder.path() + "/io";
  RETURN_IF_ERROR(WriteFileDurably(base + ".in", input));
  ProcessRequest request;
  request.argv = {"/bin/sh", "-c", R"(exec "$@" <"$0.in" >"$0.out" 2>"$0.err")", base};
  request.argv.insert(request.argv.end(), argv.begin(), argv.end());
  request.environment = context.settings().environment();
  ASSIGN_OR_RETURN(int pid, StartProcess(request));
  LocalRun run;
  run.exit_code = WaitProcess(pid);
  ASSIGN_OR_RETURN(run.out, ReadFile(base + ".out", kAnswerLimitBytes));
  run.err = ReadFile(base + ".err", kAnswerLimitBytes).value_or("");
  return run;
}

Result<int> LocalPredict(Context& context) {
  const CommandLine& line = context.line();
  bool any = false;
  for (const std::string& name : InstanceFlagNames()) any |= line.Has(name);
  if (!any) {
    return InvalidArgument(
               "Exactly one of (--json-instances | --json-request | --text-instances) must be "
               "specified.")
        .WithReason("usage");
  }
  if (!line.Has("signature-name")) {
    context.console().Err(
        "If the signature defined in the model is not serving_default then you must specify it via "
        "--signature-name flag, otherwise the command may fail.\n");
  }
  ASSIGN_OR_RETURN(Json instances, ReadInstances(line, 0));
  ASSIGN_OR_RETURN(std::string program, ServingProgram(context));
  std::vector<std::string> argv = {program, "--local", line.Text("model-dir")};
  if (std::string python = LocalPython(context); !python.empty()) {
    argv.insert(argv.end(), {"--python", python});
  }
  if (line.Has("framework")) argv.insert(argv.end(), {"--framework", line.Text("framework")});
  Json body = {{"instances", std::move(instances)}};
  if (line.Has("signature-name")) {
    argv.insert(argv.end(), {"--signature-name", line.Text("signature-name")});
  }
  ASSIGN_OR_RETURN(LocalRun run, RunWithInput(context, std::move(argv), JsonText(body)));
  Result<Json> answer = ParseJsonText(run.out);
  if (run.exit_code != 0) {
    std::string why = run.err.empty() ? run.out : run.err;
    if (answer.ok() && !MemberText(*answer, "error").empty()) why = MemberText(*answer, "error");
    while (!why.empty() && why.back() == '\n') why.pop_back();
    return Status(Code::kUnknown,
                  why.empty() ? fmt::format("hodei-serve ended with {}", run.exit_code) : why);
  }
  if (!run.err.empty()) context.console().Err("WARNING: " + run.err);
  RETURN_IF_ERROR_CTX(answer.status(), "The output for prediction is not in JSON format");
  return PrintPredictions(context, *answer);
}

}  // namespace

Command LocalPredictCommand() {
  std::vector<Flag> flags = InstanceFlags();
  flags.push_back(TextFlag("model-dir", "MODEL_DIR", "Folder of the model.").Required());
  flags.push_back(TextFlag("framework", "FRAMEWORK", "Framework of the model.")
                      .Choices({"scikit-learn", "tensorflow", "xgboost"}));
  return {.name = "predict",
          .summary = "Predict with a model in a local folder, without a server",
          .description =
              "Runs the model with the same program that serves versions, with the Python of the "
              "property ml_engine/local_python or of PATH for formats that need one.",
          .flags = std::move(flags),
          .run = LocalPredict,
          .examples =
              "  $ hodei ml-engine local predict --model-dir ./model \\\n"
              "      --json-instances rows.json",
          .exclusive = {InstanceFlagNames()}};
}

}  // namespace hodei::cli
