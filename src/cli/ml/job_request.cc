#include "cli/ml/job_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/output/yaml_reader.h"
#include "cli/storage/gs_url.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

// Fields of a Job that are text in the API, however YAML would read them.
const std::vector<std::string>& TextFields() {
  static const std::vector<std::string> fields = {"args",
                                                  "categoricalValues",
                                                  "containerArgs",
                                                  "containerCommand",
                                                  "jobId",
                                                  "labels",
                                                  "masterType",
                                                  "parameterName",
                                                  "pythonModule",
                                                  "pythonVersion",
                                                  "region",
                                                  "runtimeVersion",
                                                  "scaleTier",
                                                  "workerType",
                                                  "parameterServerType",
                                                  "evaluatorType",
                                                  "hyperparameterMetricTag"};
  return fields;
}

Json Accelerator(const CommandLine& line, const std::string& flag) {
  Json accelerator = Json::object();
  for (const auto& [key, value] : line.Pairs(flag)) {
    accelerator[key] = key == "type" ? EnumName(value) : value;
  }
  return accelerator;
}

void AddReplicas(const CommandLine& line, Json* input) {
  struct Role {
    const char* flag;
    const char* field;
  };
  for (Role role : {Role{"master", "master"}, Role{"parameter-server", "parameterServer"},
                    Role{"worker", "worker"}}) {
    std::string flag = role.flag, field = role.field;
    if (line.Has(flag + "-machine-type"))
      (*input)[field + "Type"] = line.Text(flag + "-machine-type");
    if (line.Has(flag + "-count")) (*input)[field + "Count"] = line.Text(flag + "-count");
    if (line.Has(flag + "-image-uri"))
      (*input)[field + "Config"]["imageUri"] = line.Text(flag + "-image-uri");
    if (line.Has(flag + "-accelerator")) {
      (*input)[field + "Config"]["acceleratorConfig"] = Accelerator(line, flag + "-accelerator");
    }
  }
}

std::string KeyName(const CommandLine& line) {
  std::string key = line.Text("kms-key");
  if (key.find('/') != key.npos) return key;
  return fmt::format("projects/{}/locations/{}/keyRings/{}/cryptoKeys/{}",
                     line.Text("kms-project", line.Text("project")), line.Text("kms-location"),
                     line.Text("kms-keyring"), key);
}

bool LabelCharacters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c >= 0x80;
  });
}

}  // namespace

std::string EnumName(std::string text) {
  for (char& c : text) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return text;
}

Status CheckLabels(const std::vector<std::pair<std::string, std::string>>& labels,
                   const std::string& flag) {
  constexpr size_t kLongest = 63;
  for (const auto& [key, value] : labels) {
    bool starts =
        !key.empty() && !(key[0] >= '0' && key[0] <= '9') && key[0] != '-' && key[0] != '_';
    if (!starts || key.size() > kLongest || !LabelCharacters(key)) {
      return InvalidArgument(fmt::format("argument --{}: Bad value [{}]: Only hyphens (-), "
                                         "underscores (_), lowercase characters, and numbers are "
                                         "allowed. Keys must start with a lowercase character. "
                                         "International characters are allowed. "
                                         "Key length must not exceed 63 characters.",
                                         flag, key))
          .WithReason("usage");
    }
    if (value.size() > kLongest || !LabelCharacters(value)) {
      return InvalidArgument(fmt::format("argument --{}: Bad value [{}]: Only hyphens (-), "
                                         "underscores (_), lowercase characters, and numbers are "
                                         "allowed. International characters are allowed.",
                                         flag, value))
          .WithReason("usage");
    }
  }
  return OkStatus();
}

Status CheckTrainingFlags(const CommandLine& line) {
  RETURN_IF_ERROR(CheckLabels(line.Pairs("labels"), "labels"));
  if (line.Has("job-dir")) {
    Result<GsUrl> url = ParseGsUrl(line.Text("job-dir"));
    if (!url.ok()) {
      return InvalidArgument("argument --job-dir: Must be of form gs://bucket/object")
          .WithReason("usage");
    }
  }
  if (line.Text("scale-tier") == "custom" && !line.Has("master-machine-type")) {
    return InvalidArgument("--master-machine-type is required if scale-tier is set to `CUSTOM`.");
  }
  if (line.Has("master-image-uri") && line.Has("runtime-version")) {
    return InvalidArgument("Only one of --master-image-uri, --runtime-version can be set.");
  }
  return OkStatus();
}

Result<Json> ReadJobConfig(const std::string& path) {
  Result<std::string> text = ReadFile(path, kYamlLimitBytes);
  if (!text.ok()) {
    std::string why = text.status().code() == Code::kNotFound
                          ? fmt::format("No such file or directory: '{}'", path)
                          : text.status().message();
    return Status(
        text.status().code(),
        fmt::format("Failed to load YAML from [{0}]: Unable to read file [{0}]: {1}", path, why));
  }
  ASSIGN_OR_RETURN_CTX(Json config, ReadYaml(*text, TextFields()),
                       fmt::format("Failed to load YAML from [{}]", path));
  if (config.is_null()) return Json::object();
  if (!config.is_object()) {
    return InvalidArgument(
        fmt::format("[{}] holds no Job: it must be a mapping such as \"trainingInput:\".", path));
  }
  for (const char* member : {"trainingInput", "labels"}) {
    auto found = config.find(member);
    if (found != config.end() && found->is_null()) config.erase(member);
  }
  auto input = config.find("trainingInput");
  if (input != config.end() && !input->is_object()) {
    return InvalidArgument(fmt::format("[{}]: trainingInput must be a mapping.", path));
  }
  return config;
}

Json MakeTrainingJob(const CommandLine& line, const std::string& job_id, const std::string& region,
                     Json config, const std::vector<std::string>& packages) {
  Json job = std::move(config);
  job["jobId"] = job_id;
  if (line.Has("labels")) {
    job["labels"] = Json::object();
    for (const auto& [key, value] : line.Pairs("labels")) job["labels"][key] = value;
  }
  Json& input = job["trainingInput"];
  if (!input.is_object()) input = Json::object();
  auto text = [&](const char* flag, const char* field) {
    if (line.Has(flag)) input[field] = line.Text(flag);
  };
  text("job-dir", "jobDir");
  text("module-name", "pythonModule");
  text("python-version", "pythonVersion");
  text("runtime-version", "runtimeVersion");
  text("service-account", "serviceAccount");
  input["region"] = region;
  if (line.Has("scale-tier")) input["scaleTier"] = EnumName(line.Text("scale-tier"));
  if (line.Has("use-chief-in-tf-config")) {
    input["useChiefInTfConfig"] = line.Text("use-chief-in-tf-config") == "true";
  }
  if (line.Has("enable-web-access")) input["enableWebAccess"] = line.Switch("enable-web-access");
  if (line.Has("kms-key")) input["encryptionConfig"]["kmsKeyName"] = KeyName(line);
  if (!packages.empty()) input["packageUris"] = packages;
  if (!line.user_args.empty()) input["args"] = line.user_args;
  AddReplicas(line, &input);
  return job;
}

Status CheckTrainingJob(const Json& job) {
  const Json* packages = Member(job, "trainingInput.packageUris");
  bool image = !MemberText(job, "trainingInput.masterConfig.imageUri").empty();
  if (image || (packages != nullptr && !packages->empty())) return OkStatus();
  return InvalidArgument(
      "Non-custom jobs must have packages. Give your code with --package-path=FOLDER, or "
      "archives with --packages.");
}

}  // namespace hodei::cli
