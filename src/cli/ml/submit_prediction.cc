// jobs submit prediction.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/job_request.h"
#include "cli/ml/job_submission.h"

namespace hodei::cli {
namespace {

Result<int> SubmitPrediction(Context& context) {
  const CommandLine& line = context.line();
  RETURN_IF_ERROR(CheckLabels(line.Pairs("labels"), "labels"));
  if (!line.Has("model") && !line.Has("model-dir")) {
    return InvalidArgument("Exactly one of (--model | --model-dir) must be specified.")
        .WithReason("usage");
  }
  if (line.Has("model-dir") && line.Has("version")) {
    return InvalidArgument("argument --version: --model must be specified with it.")
        .WithReason("usage");
  }
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  Json input = {{"dataFormat", EnumName(line.Text("data-format"))},
                {"inputPaths", line.List("input-paths")},
                {"outputPath", line.Text("output-path")},
                {"region", line.Text("region")}};
  if (line.Has("model-dir")) {
    input["uri"] = line.Text("model-dir");
  } else if (line.Has("version")) {
    input["versionName"] = fmt::format("projects/{}/models/{}/versions/{}", project,
                                       line.Text("model"), line.Text("version"));
  } else {
    input["modelName"] = fmt::format("projects/{}/models/{}", project, line.Text("model"));
  }
  auto text = [&](const char* flag, const char* field) {
    if (line.Has(flag)) input[field] = line.Text(flag);
  };
  text("batch-size", "batchSize");
  text("max-worker-count", "maxWorkerCount");
  text("runtime-version", "runtimeVersion");
  text("signature-name", "signatureName");
  Json job = {{"jobId", context.Positional(0)}, {"predictionInput", std::move(input)}};
  for (const auto& [key, value] : line.Pairs("labels")) job["labels"][key] = value;
  ASSIGN_OR_RETURN(Json created, CreateJob(context, project, job));
  return ReportSubmission(context, created, false);
}

}  // namespace

Command SubmitPredictionCommand() {
  return {
      .name = "prediction",
      .summary = "Submit a batch prediction job",
      .positionals = {{"JOB", "Name of the job."}},
      .flags = {TextFlag("data-format", "DATA_FORMAT", "Format of the input.")
                    .Choices({"text", "tf-record", "tf-record-gzip"})
                    .Required(),
                ListFlag("input-paths", "INPUT_PATH", "gs:// paths of the input; * at the end.")
                    .Required(),
                TextFlag("output-path", "OUTPUT_PATH", "gs:// folder for the output.").Required(),
                TextFlag("region", "REGION", "Region of the job.").Required(),
                TextFlag("model", "MODEL", "Model to use."),
                TextFlag("model-dir", "MODEL_DIR", "gs:// folder of a model to use."),
                TextFlag("version", "VERSION", "Version of the model."),
                NumberFlag("batch-size", "BATCH_SIZE", "Instances in one batch.").Minimum(1),
                NumberFlag("max-worker-count", "COUNT", "Most workers to use.").Minimum(1),
                TextFlag("runtime-version", "RUNTIME_VERSION", "Runtime to use."),
                TextFlag("signature-name", "SIGNATURE_NAME", "Signature to use."),
                PairsFlag("labels", "KEY=VALUE", "Labels to set.")},
      .run = SubmitPrediction,
      .exclusive = {{"model", "model-dir"}}};
}

}  // namespace hodei::cli
