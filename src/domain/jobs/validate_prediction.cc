// Batch prediction: what such a job may ask for.
#include <fmt/format.h>

#include "domain/jobs/validation.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::PredictionInput;

void CheckFormats(const PredictionInput& input, Violations* violations) {
  switch (input.data_format()) {
    case PredictionInput::JSON:
    case PredictionInput::TEXT:
    case PredictionInput::TF_RECORD:
    case PredictionInput::TF_RECORD_GZIP:
      break;
    case PredictionInput::DATA_FORMAT_UNSPECIFIED:
      violations->Add("prediction_input.data_format", "The format of the input must be given.");
      break;
    default:
      violations->Add("prediction_input.data_format",
                      "Must be JSON, TEXT, TF_RECORD or TF_RECORD_GZIP.");
  }
  switch (input.output_data_format()) {
    case PredictionInput::DATA_FORMAT_UNSPECIFIED:
    case PredictionInput::JSON:
    case PredictionInput::TEXT:
    case PredictionInput::CSV:
      break;
    default:
      violations->Add("prediction_input.output_data_format", "Must be JSON or CSV.");
  }
}

void CheckPaths(const PredictionInput& input, Violations* violations) {
  if (input.input_paths().empty()) {
    violations->Add("prediction_input.input_paths", "At least one input path must be given.");
  }
  if (input.input_paths_size() > kInputPathsMax) {
    violations->Add("prediction_input.input_paths",
                    fmt::format("At most {} input paths are allowed.", kInputPathsMax));
    return;
  }
  for (int i = 0; i < input.input_paths_size(); ++i) {
    const std::string field = fmt::format("prediction_input.input_paths[{}]", i);
    const Result<GcsUri> uri = ParseGcsUri(input.input_paths(i));
    if (!uri.ok()) {
      violations->Add(field, uri.status().message());
      continue;
    }
    const size_t star = uri->object.find('*');
    if (star != std::string::npos && star + 1 != uri->object.size()) {
      violations->Add(field, "A '*' may stand at the end only.");
    }
  }
  const Result<GcsUri> output = ParseGcsUri(input.output_path());
  if (input.output_path().empty()) {
    violations->Add("prediction_input.output_path", "The folder of the output must be given.");
  } else if (!output.ok()) {
    violations->Add("prediction_input.output_path", output.status().message());
  }
}

void CheckModel(const PredictionInput& input, Violations* violations) {
  if (input.model_version_case() == PredictionInput::MODEL_VERSION_NOT_SET) {
    violations->Add("prediction_input",
                    "Exactly one of model_name, version_name and uri must be given.");
  }
  if (input.model_version_case() == PredictionInput::kUri) {
    const Result<GcsUri> uri = ParseGcsUri(input.uri());
    if (!uri.ok()) violations->Add("prediction_input.uri", uri.status().message());
  } else if (input.framework() != google::cloud::ml::v1::FRAMEWORK_UNSPECIFIED) {
    violations->Add("prediction_input.framework", "Is for jobs with a uri only.");
  }
}

}  // namespace

void CheckPrediction(const Machines& machines, const PredictionInput& input,
                     Violations* violations) {
  CheckFormats(input, violations);
  CheckPaths(input, violations);
  CheckModel(input, violations);
  if (input.region().empty()) {
    violations->Add("prediction_input.region", "A region must be given.");
  } else if (!machines.IsRegion(input.region())) {
    violations->Add("prediction_input.region",
                    fmt::format("The region '{}' does not exist.", input.region().substr(0, 80)));
  }
  if (input.batch_size() < 0 || input.batch_size() > kBatchSizeMax) {
    violations->Add("prediction_input.batch_size",
                    fmt::format("Must be between 1 and {}.", kBatchSizeMax));
  }
  if (input.max_worker_count() < 0 || input.max_worker_count() > kBatchWorkersMax) {
    violations->Add("prediction_input.max_worker_count",
                    fmt::format("Must be between 1 and {}.", kBatchWorkersMax));
  }
  if (input.accelerator().count() > 0) {
    violations->AddUnsupported("prediction_input.accelerator",
                               "Accelerators for prediction are not supported by this server yet.");
  }
}

}  // namespace hodei::jobs
