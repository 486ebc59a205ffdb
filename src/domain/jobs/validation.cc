#include "domain/jobs/validation.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/jobs/job_name.h"
#include "domain/jobs/plan_job.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::Scheduling;
using google::cloud::ml::v1::TrainingInput;

bool IsLower(char c) { return c >= 'a' && c <= 'z'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

bool IsLabelText(std::string_view text) {
  return text.size() <= kLabelMaxBytes && std::all_of(text.begin(), text.end(), [](char c) {
           return IsLower(c) || IsDigit(c) || c == '_' || c == '-';
         });
}

bool IsPythonModule(std::string_view name) {
  if (name.empty() || name.size() > kPythonModuleMaxBytes) return false;
  bool at_start = true;
  for (const char c : name) {
    if (c == '.') {
      if (at_start) return false;
      at_start = true;
      continue;
    }
    const bool letter = IsLower(c) || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (at_start || !IsDigit(c))) return false;
    at_start = false;
  }
  return !at_start;
}

void CheckPackages(const TrainingInput& input, Violations* violations) {
  if (input.package_uris().empty()) {
    violations->Add("package_uris", "Non-custom jobs must have packages.");
  }
  if (input.package_uris_size() > kPackageUrisMax) {
    violations->Add("package_uris",
                    fmt::format("At most {} packages are allowed.", kPackageUrisMax));
    return;
  }
  for (int i = 0; i < input.package_uris_size(); ++i) {
    const Result<GcsUri> uri = ParseGcsUri(input.package_uris(i));
    const std::string field = fmt::format("package_uris[{}]", i);
    if (!uri.ok()) {
      violations->Add(field, uri.status().message());
    } else if (uri->object.empty() || uri->object.ends_with('/')) {
      violations->Add(field, "Must name an object, gs://BUCKET/OBJECT, not a folder.");
    }
  }
  if (input.python_module().empty()) {
    violations->Add("python_module", "The Python module to run must be given.");
  } else if (!IsPythonModule(input.python_module())) {
    violations->Add("python_module", "Must be a dotted Python module name such as trainer.task.");
  }
}

void CheckArgs(const TrainingInput& input, Violations* violations) {
  size_t bytes = 0;
  for (const std::string& arg : input.args()) {
    bytes += arg.size();
    if (arg.find('\0') != std::string::npos) {
      violations->Add("args", "Arguments must not contain NUL characters.");
      return;
    }
  }
  if (bytes > kArgsMaxBytes || input.args_size() > kArgsMax) {
    violations->Add("args", fmt::format("At most {} arguments of {} bytes together are allowed.",
                                        kArgsMax, kArgsMaxBytes));
  }
  if (!input.args().empty() && (!input.master_config().container_command().empty() ||
                                !input.master_config().container_args().empty())) {
    violations->Add("args",
                    "Must not be given together with master_config.container_command or "
                    "master_config.container_args.");
  }
}

void CheckRegionAndJobDir(const Machines& machines, const TrainingInput& input,
                          Violations* violations) {
  if (input.region().empty()) {
    violations->Add("region", "A region must be given.");
  } else if (!machines.IsRegion(input.region())) {
    violations->Add("region", fmt::format("The region '{}' does not exist or has no training.",
                                          input.region()));
  }
  if (input.job_dir().empty()) return;
  const Result<GcsUri> uri = ParseGcsUri(input.job_dir());
  if (!uri.ok()) violations->Add("job_dir", uri.status().message());
}

bool InRange(const google::protobuf::Duration& duration) {
  // The range of google.protobuf.Duration.
  return duration.seconds() >= -315'576'000'000 && duration.seconds() <= 315'576'000'000 &&
         duration.nanos() > -1'000'000'000 && duration.nanos() < 1'000'000'000;
}

// Two hundred years: what nanoseconds in 64 bits can tell.
constexpr int64_t kLongestSeconds = 200LL * 365 * 24 * 3600;

void CheckScheduling(const Scheduling& scheduling, Violations* violations) {
  if (scheduling.priority() < 0 || scheduling.priority() > 1000) {
    violations->Add("scheduling.priority", "Must be between 0 and 1000.");
  }
  if (scheduling.has_max_running_time()) {
    const auto& limit = scheduling.max_running_time();
    if (!InRange(limit) || limit.seconds() < 0 || limit.nanos() < 0 ||
        (limit.seconds() == 0 && limit.nanos() == 0) || limit.seconds() > kLongestSeconds) {
      violations->Add("scheduling.max_running_time", "Must be a positive duration.");
    }
  }
  if (scheduling.has_max_wait_time()) {
    const auto& limit = scheduling.max_wait_time();
    if (!InRange(limit) || limit.seconds() < kMinMaxWaitTime.count() ||
        limit.seconds() > kLongestSeconds) {
      violations->Add("scheduling.max_wait_time", "Must be at least 1800 seconds.");
    }
  }
  if (!Scheduling::Strategy_IsValid(scheduling.strategy())) {
    violations->Add("scheduling.strategy", "Is not a known strategy.");
  }
}

// Well-formed wishes that this server does not fulfil. Said clearly, never ignored.
void CheckUnsupported(const TrainingInput& input, Violations* violations) {
  const std::pair<const char*, const google::cloud::ml::v1::ReplicaConfig*> configs[] = {
      {"master_config", &input.master_config()},
      {"worker_config", &input.worker_config()},
      {"parameter_server_config", &input.parameter_server_config()},
      {"evaluator_config", &input.evaluator_config()}};
  for (const auto& [name, config] : configs) {
    if (!config->image_uri().empty()) {
      violations->AddUnsupported(fmt::format("{}.image_uri", name),
                                 "Custom containers are not supported by this server yet.");
    }
  }
  if (input.has_hyperparameters()) {
    violations->AddUnsupported("hyperparameters",
                               "Hyperparameter tuning is not supported by this server yet.");
  }
  if (input.has_nas_job_spec()) {
    violations->AddUnsupported("nas_job_spec",
                               "Neural architecture search is not supported by this server.");
  }
  if (input.enable_web_access()) {
    violations->AddUnsupported("enable_web_access",
                               "Interactive shells are not supported by this server.");
  }
  if (!input.encryption_config().kms_key_name().empty()) {
    violations->AddUnsupported("encryption_config",
                               "Customer-managed keys are not supported by this server.");
  }
  if (!input.network().empty()) {
    violations->AddUnsupported("network", "Peered networks are not supported by this server.");
  }
  if (!input.service_account().empty()) {
    violations->AddUnsupported(
        "service_account",
        "Jobs run as their project's own job identity; other accounts are not supported by this "
        "server.");
  }
}

bool HasImage(const TrainingInput& input) { return !input.master_config().image_uri().empty(); }

}  // namespace

Result<GcsUri> ParseGcsUri(std::string_view uri) {
  constexpr std::string_view kScheme = "gs://";
  if (!uri.starts_with(kScheme)) return InvalidArgument("Must start with gs://.");
  if (uri.size() > kGcsUriMaxBytes) {
    return InvalidArgument(fmt::format("Must not be longer than {} bytes.", kGcsUriMaxBytes));
  }
  uri.remove_prefix(kScheme.size());
  const size_t slash = uri.find('/');
  GcsUri parsed{std::string(uri.substr(0, slash)),
                slash == std::string_view::npos ? "" : std::string(uri.substr(slash + 1))};
  const bool bucket_ok = parsed.bucket.size() >= 3 && parsed.bucket.size() <= 222 &&
                         std::all_of(parsed.bucket.begin(), parsed.bucket.end(), [](char c) {
                           return IsLower(c) || IsDigit(c) || c == '-' || c == '_' || c == '.';
                         });
  if (!bucket_ok) return InvalidArgument("Must name a bucket, gs://BUCKET/OBJECT.");
  const bool control = std::any_of(uri.begin(), uri.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (control) return InvalidArgument("Must not contain control characters.");
  return parsed;
}

void CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                 Violations* violations) {
  if (labels.size() > kLabelsMax) {
    violations->Add("labels", fmt::format("At most {} labels are allowed.", kLabelsMax));
    return;
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || !IsLower(key[0]) || !IsLabelText(key)) {
      violations->Add("labels",
                      "Label keys must start with a lowercase letter and have at most 63 lowercase "
                      "letters, digits, underscores and dashes.");
      return;
    }
    if (!IsLabelText(value)) {
      violations->Add("labels",
                      fmt::format("The value of label '{}' must have at most 63 lowercase letters, "
                                  "digits, underscores and dashes.",
                                  key));
    }
  }
}

Status ValidateLabels(const google::protobuf::Map<std::string, std::string>& labels) {
  Violations violations;
  CheckLabels(labels, &violations);
  return violations.ToStatus();
}

void CheckTraining(const Machines& machines, const TrainingInput& input, Violations* violations) {
  CheckMachines(machines, input, violations);
  CheckArgs(input, violations);
  CheckRegionAndJobDir(machines, input, violations);
  CheckScheduling(input.scheduling(), violations);
  if (input.has_hyperparameters()) CheckHyperparameters(input.hyperparameters(), violations);
  if (HasImage(input)) {
    if (!input.runtime_version().empty()) {
      violations->Add("runtime_version",
                      "Exactly one of runtime_version and master_config.image_uri must be given.");
    }
  } else {
    CheckPackages(input, violations);
    if (input.runtime_version().empty()) {
      violations->Add("runtime_version",
                      "A runtime version must be given, unless the job runs a custom container.");
    }
    if (input.use_chief_in_tf_config()) {
      violations->Add("use_chief_in_tf_config", "Is for custom containers only.");
    }
  }
  CheckUnsupported(input, violations);
}

Status ValidateJob(const Machines& machines, const Job& job) {
  Violations violations;
  if (!IsJobId(job.job_id())) {
    violations.Add("job.job_id",
                   "A job id must start with a letter and have at most 128 letters, digits and "
                   "underscores.");
  }
  CheckLabels(job.labels(), &violations);
  switch (job.input_case()) {
    case Job::kTrainingInput:
      CheckTraining(machines, job.training_input(), &violations);
      break;
    case Job::kPredictionInput:
      CheckPrediction(machines, job.prediction_input(), &violations);
      break;
    case Job::kExplanationInput:
      violations.AddUnsupported("explanation_input",
                                "Batch explanation is not supported by this server yet.");
      break;
    case Job::INPUT_NOT_SET:
      violations.Add("job",
                     "Exactly one of training_input, prediction_input and explanation_input must "
                     "be given.");
  }
  return violations.ToStatus();
}

}  // namespace hodei::jobs
