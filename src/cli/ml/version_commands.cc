// versions create|list|describe|set-default|update|delete.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/job_request.h"
#include "cli/ml/model_paths.h"
#include "cli/ml/operation_wait.h"
#include "cli/output/yaml_reader.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

Result<std::string> VersionPath(Context& context) {
  return ModelsPath(context, {context.line().Text("model"), "versions", context.Positional(0)});
}

Result<int> ListVersions(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path,
                   ModelsPath(context, {context.line().Text("model"), "versions"}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json versions,
                   api->List(path, "versions", {}, context.PageSize(), context.FetchLimit()));
  return context.PrintList(versions, "table(name.basename(),deploymentUri,state)");
}

// The --config file; keys that are not `allowed` are refused in gcloud's words.
Result<Json> ReadVersionConfig(const std::string& path, const std::vector<std::string>& allowed) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, kYamlLimitBytes));
  ASSIGN_OR_RETURN_CTX(Json config,
                       ReadYaml(text, {"runtimeVersion", "pythonVersion", "name", "labels"}), path);
  if (!config.is_object()) return InvalidArgument(path + ": the file is no mapping");
  std::vector<std::string> unknown;
  for (const auto& [key, value] : config.items()) {
    if (std::find(allowed.begin(), allowed.end(), key) == allowed.end()) unknown.push_back(key);
  }
  if (unknown.empty()) return config;
  return InvalidArgument(fmt::format("Invalid {} in configuration file: {}\nAllowed fields: {}",
                                     unknown.size() == 1 ? "field" : "fields",
                                     fmt::join(unknown, ", "), fmt::join(allowed, ", ")));
}

Status AddScaling(const CommandLine& line, Json* body) {
  if (line.Has("min-nodes")) (*body)["autoScaling"]["minNodes"] = *line.Number("min-nodes");
  if (line.Has("max-nodes")) (*body)["autoScaling"]["maxNodes"] = *line.Number("max-nodes");
  static const std::map<std::string, std::string> kMetrics = {{"cpu-usage", "CPU_USAGE"},
                                                              {"gpu-duty-cycle", "GPU_DUTY_CYCLE"}};
  for (const auto& [name, target] : line.Pairs("metric-targets")) {
    auto metric = kMetrics.find(name);
    if (metric == kMetrics.end()) {
      return InvalidArgument(fmt::format(
          "--metric-targets: [{}] is no metric; use cpu-usage or gpu-duty-cycle.", name));
    }
    (*body)["autoScaling"]["metrics"].push_back(
        {{"name", metric->second}, {"target", std::strtol(target.c_str(), nullptr, 10)}});
  }
  return OkStatus();
}

Status AddAccelerator(const CommandLine& line, Json* body) {
  if (!line.Has("accelerator")) return OkStatus();
  std::string type, count = "1";
  for (const auto& [key, value] : line.Pairs("accelerator")) {
    if (key == "type") type = value;
    if (key == "count") count = value;
  }
  if (type.empty()) {
    return InvalidArgument(
        "--accelerator: give type=TYPE, for example type=nvidia-tesla-t4,count=1.");
  }
  (*body)["acceleratorConfig"] = {{"count", count}, {"type", EnumName(type)}};
  return OkStatus();
}

Result<Json> VersionBody(const CommandLine& line, const std::string& name) {
  Json body = Json::object();
  if (line.Has("config")) {
    ASSIGN_OR_RETURN(
        body, ReadVersionConfig(
                  line.Text("config"),
                  {"autoScaling", "deploymentUri", "description", "framework", "labels",
                   "machineType", "manualScaling", "packageUris", "predictionClass",
                   "pythonVersion", "requestLoggingConfig", "runtimeVersion", "serviceAccount"}));
  }
  body["name"] = name;
  auto text = [&](const char* flag, const char* field) {
    if (line.Has(flag)) body[field] = line.Text(flag);
  };
  text("runtime-version", "runtimeVersion");
  text("python-version", "pythonVersion");
  text("machine-type", "machineType");
  text("description", "description");
  text("prediction-class", "predictionClass");
  text("service-account", "serviceAccount");
  if (line.Has("framework")) body["framework"] = EnumName(line.Text("framework"));
  if (line.Has("package-uris")) body["packageUris"] = line.List("package-uris");
  if (line.Has("labels")) body["labels"] = LabelsOf(line, "labels");
  RETURN_IF_ERROR(AddAccelerator(line, &body));
  RETURN_IF_ERROR(AddScaling(line, &body));
  return body;
}

Result<int> CreateVersion(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(Json body, VersionBody(line, context.Positional(0)));
  RETURN_IF_ERROR(CheckLabels(line.Pairs("labels"), "labels"));
  if (!line.Has("origin") && MemberText(body, "deploymentUri").empty()) {
    return InvalidArgument(
        "Either `--origin` must be provided or `deploymentUri` must be provided in the file given "
        "by `--config`.");
  }
  PrintEndpoint(context);
  if (line.Has("origin")) {
    ASSIGN_OR_RETURN(body["deploymentUri"], UploadModelFolder(context, line.Text("origin")));
  }
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {line.Text("model"), "versions"}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Post(path, body));
  if (line.Switch("async")) return context.Print(operation);
  ASSIGN_OR_RETURN(Json done, WaitForOperation(context, operation,
                                               "Creating version (this might take a few minutes)"));
  if (line.Has("format")) return context.Print(done);
  return 0;
}

Result<int> DescribeVersion(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, VersionPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json version, api->Get(path));
  return context.Print(version);
}

Result<int> SetDefaultVersion(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, VersionPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json version, api->Post(path + ":setDefault", Json::object()));
  return context.Print(version);
}

// What an update's file and flags ask for, and the paths they touch.
Result<Json> VersionChanges(const CommandLine& line, std::vector<std::string>* mask) {
  Json config = Json::object();
  if (line.Has("config")) {
    ASSIGN_OR_RETURN(
        config, ReadVersionConfig(line.Text("config"), {"autoScaling", "description",
                                                        "manualScaling", "requestLoggingConfig"}));
  }
  RETURN_IF_ERROR(AddScaling(line, &config));
  if (line.Has("description")) config["description"] = line.Text("description");
  if (line.Has("bigquery-table-name"))
    config["requestLoggingConfig"]["bigqueryTableName"] = line.Text("bigquery-table-name");
  if (line.Has("sampling-percentage")) {
    config["requestLoggingConfig"]["samplingPercentage"] =
        std::strtod(line.Text("sampling-percentage").c_str(), nullptr);
  }
  auto touch = [&](const char* path) {
    if (Member(config, path) != nullptr) mask->push_back(path);
  };
  touch("autoScaling.minNodes");
  touch("autoScaling.maxNodes");
  touch("autoScaling.metrics");
  touch("manualScaling.nodes");
  touch("requestLoggingConfig");
  touch("description");
  return config;
}

Result<int> UpdateVersion(Context& context) {
  PrintEndpoint(context);
  const CommandLine& line = context.line();
  std::vector<std::string> mask;
  ASSIGN_OR_RETURN(Json body, VersionChanges(line, &mask));
  if (mask.empty() && !AsksForLabels(line)) {
    return InvalidArgument("Must specify at least one field to update.");
  }
  ASSIGN_OR_RETURN(std::string path, VersionPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  if (AsksForLabels(line)) {
    ASSIGN_OR_RETURN(Json current, api->Get(path));
    if (std::optional<Json> labels = ChangedLabels(line, current)) {
      body["labels"] = *labels;
      mask.push_back("labels");
    }
  }
  if (mask.empty()) {
    context.console().Err("No update to perform.\n");
    return 0;
  }
  std::sort(mask.begin(), mask.end());
  Query query = {{"updateMask", fmt::format("{}", fmt::join(mask, ","))}};
  ASSIGN_OR_RETURN(Json operation, api->Call("PATCH", path, query, &body));
  ASSIGN_OR_RETURN(Json done,
                   WaitForOperation(context, operation,
                                    fmt::format("Updating version [{}]", context.Positional(0))));
  context.console().Err(fmt::format("Updated AI Platform version [{}].\n", context.Positional(0)));
  if (line.Has("format")) return context.Print(done);
  return 0;
}

Result<int> DeleteVersion(Context& context) {
  PrintEndpoint(context);
  if (!context.Confirm(fmt::format("This will delete version [{}]...", context.Positional(0)))) {
    return Cancelled("Aborted by user.");
  }
  ASSIGN_OR_RETURN(std::string path, VersionPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Call("DELETE", path));
  ASSIGN_OR_RETURN(Json done,
                   WaitForOperation(context, operation,
                                    fmt::format("Deleting version [{}]", context.Positional(0))));
  return 0;
}

std::vector<Flag> ScalingFlags() {
  return {NumberFlag("min-nodes", "COUNT", "Fewest nodes that serve; 0 stops them when idle."),
          NumberFlag("max-nodes", "COUNT", "Most nodes that serve.").Minimum(1),
          PairsFlag("metric-targets", "METRIC=PERCENT", "cpu-usage=60 or gpu-duty-cycle=60.")};
}

std::vector<Flag> CreateFlags() {
  std::vector<Flag> flags = {
      ModelFlag(),
      RegionFlag(),
      SwitchFlag("async", "Do not wait for the operation."),
      TextFlag("origin", "ORIGIN", "gs:// or local folder of the trained model."),
      TextFlag("staging-bucket", "STAGING_BUCKET", "gs:// bucket to upload a local --origin to."),
      TextFlag("config", "CONFIG", "YAML file with settings of the version."),
      TextFlag("runtime-version", "RUNTIME_VERSION", "Runtime to serve it with."),
      TextFlag("python-version", "PYTHON_VERSION", "Python to serve it with."),
      TextFlag("framework", "FRAMEWORK", "Framework of the model.")
          .Choices({"scikit-learn", "tensorflow", "xgboost"}),
      TextFlag("machine-type", "MACHINE_TYPE", "Machine to serve it on."),
      PairsFlag("accelerator", "type=TYPE,count=COUNT", "Accelerators of each node."),
      TextFlag("description", "DESCRIPTION", "Description of the version."),
      TextFlag("prediction-class", "CLASS", "Class of a custom prediction routine."),
      ListFlag("package-uris", "PACKAGE_URI", "Packages of the routine."),
      TextFlag("service-account", "ACCOUNT", "Account it runs as."),
      PairsFlag("labels", "KEY=VALUE", "Labels to set.")};
  for (Flag& flag : ScalingFlags()) flags.push_back(std::move(flag));
  return flags;
}

std::vector<Flag> UpdateFlags() {
  std::vector<Flag> flags = LabelUpdateFlags();
  for (Flag& flag : ScalingFlags()) flags.push_back(std::move(flag));
  flags.push_back(ModelFlag());
  flags.push_back(RegionFlag());
  flags.push_back(TextFlag("config", "CONFIG", "YAML file with what to change."));
  flags.push_back(TextFlag("description", "DESCRIPTION", "New description."));
  flags.push_back(TextFlag("bigquery-table-name", "TABLE", "Where requests are logged to."));
  flags.push_back(TextFlag("sampling-percentage", "FRACTION", "Share of requests to log."));
  return flags;
}

}  // namespace

Group VersionsGroup() {
  Positional version{"VERSION", "Name of the version."};
  Group group{.name = "versions", .summary = "Work with versions of models"};
  group.commands = {
      {.name = "list",
       .summary = "List the versions of a model",
       .flags = {ModelFlag(), RegionFlag()},
       .run = ListVersions,
       .lists = true},
      {.name = "create",
       .summary = "Create a version of a model",
       .positionals = {version},
       .flags = CreateFlags(),
       .run = CreateVersion,
       .examples = "  $ hodei ml-engine versions create v1 --model my_model \\\n"
                   "      --origin gs://my-bucket/job1/model --runtime-version 2.11\n"
                   "  $ hodei ml-engine versions create v2 --model my_model \\\n"
                   "      --origin ./model --staging-bucket gs://my-bucket"},
      {.name = "describe",
       .summary = "Describe a version",
       .positionals = {version},
       .flags = {ModelFlag(), RegionFlag()},
       .run = DescribeVersion},
      {.name = "set-default",
       .summary = "Make a version the default of its model",
       .positionals = {version},
       .flags = {ModelFlag(), RegionFlag()},
       .run = SetDefaultVersion},
      {.name = "update",
       .summary = "Change a version's description, labels and scaling",
       .positionals = {version},
       .flags = UpdateFlags(),
       .run = UpdateVersion,
       .exclusive = {{"clear-labels", "remove-labels"}}},
      {.name = "delete",
       .summary = "Delete a version",
       .positionals = {version},
       .flags = {ModelFlag(), RegionFlag()},
       .run = DeleteVersion},
  };
  return group;
}

}  // namespace hodei::cli
