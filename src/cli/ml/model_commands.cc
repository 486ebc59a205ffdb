// models, versions and predict: plain requests, printed as gcloud prints them.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/operation_wait.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

// "/v1/projects/P/models", and below it the names given, each one escaped path segment.
Result<std::string> ModelsPath(Context& context, std::initializer_list<std::string> below = {}) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  std::string path = "/v1/projects/" + PercentEncode(project) + "/models";
  for (const std::string& segment : below) path += "/" + PercentEncode(segment);
  return path;
}

void PrintEndpoint(Context& context) {
  context.console().Err(fmt::format("Using endpoint [{}/]\n", context.settings().Server().url));
}

Json Labels(const CommandLine& line, std::string_view flag) {
  Json labels = Json::object();
  for (const auto& [key, value] : line.Pairs(flag)) labels[key] = value;
  return labels;
}

Result<int> ListModels(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json models,
                   api->List(path, "models", {}, context.PageSize(), context.FetchLimit()));
  return context.PrintList(models, "table(name.basename(),defaultVersion.name.basename())");
}

Result<int> CreateModel(Context& context) {
  PrintEndpoint(context);
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json body = {{"name", context.Positional(0)},
               {"onlinePredictionLogging", line.Switch("enable-logging")},
               {"onlinePredictionConsoleLogging", line.Switch("enable-console-logging")}};
  std::vector<std::string> regions = line.List("regions");
  if (regions.empty()) {
    std::string region = line.Text("region", "us-central1");
    regions = {region == "global" ? "us-central1" : region};
  }
  body["regions"] = regions;
  if (line.Has("description")) body["description"] = line.Text("description");
  if (line.Has("labels")) body["labels"] = Labels(line, "labels");
  ASSIGN_OR_RETURN(Json model, api->Post(path, body));
  context.console().Err(
      fmt::format("Created ai platform model [{}].\n", MemberText(model, "name")));
  if (line.Has("format")) return context.Print(model);
  return 0;
}

Result<int> DescribeModel(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json model, api->Get(path));
  return context.Print(model);
}

Result<int> DeleteModel(Context& context) {
  PrintEndpoint(context);
  if (!context.Confirm(fmt::format("This will delete model [{}]...", context.Positional(0)))) {
    return Cancelled("Aborted by user.");
  }
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Call("DELETE", path));
  ASSIGN_OR_RETURN(Json done,
                   WaitForOperation(context, operation,
                                    fmt::format("Deleting model [{}]", context.Positional(0))));
  return 0;
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

Json VersionBody(const CommandLine& line, const std::string& name) {
  Json body = {{"name", name}};
  auto text = [&](const char* flag, const char* field) {
    if (line.Has(flag)) body[field] = line.Text(flag);
  };
  text("origin", "deploymentUri");
  text("runtime-version", "runtimeVersion");
  text("python-version", "pythonVersion");
  text("machine-type", "machineType");
  text("description", "description");
  text("prediction-class", "predictionClass");
  text("service-account", "serviceAccount");
  if (line.Has("framework")) {
    std::string framework = line.Text("framework");
    body["framework"] = framework == "scikit-learn" ? "SCIKIT_LEARN"
                        : framework == "xgboost"    ? "XGBOOST"
                                                    : "TENSORFLOW";
  }
  if (line.Has("package-uris")) body["packageUris"] = line.List("package-uris");
  if (line.Has("labels")) body["labels"] = Labels(line, "labels");
  return body;
}

Result<int> CreateVersion(Context& context) {
  PrintEndpoint(context);
  const CommandLine& line = context.line();
  if (line.Has("origin") && line.Text("origin").rfind("gs://", 0) != 0) {
    return Unimplemented(
        "--origin with a local folder is not supported yet. Copy the folder first, for example "
        "with `hodei storage cp -r DIR gs://BUCKET/DIR`, and give --origin=gs://BUCKET/DIR.");
  }
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {line.Text("model"), "versions"}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Post(path, VersionBody(line, context.Positional(0))));
  if (line.Switch("async")) return context.Print(operation);
  ASSIGN_OR_RETURN(Json done, WaitForOperation(context, operation,
                                               "Creating version (this might take a few minutes)"));
  if (line.Has("format")) return context.Print(done);
  return 0;
}

Result<int> DescribeVersion(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.line().Text("model"), "versions",
                                                          context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json version, api->Get(path));
  return context.Print(version);
}

Result<int> SetDefaultVersion(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.line().Text("model"), "versions",
                                                          context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json version, api->Post(path + ":setDefault", Json::object()));
  return context.Print(version);
}

Result<int> DeleteVersion(Context& context) {
  PrintEndpoint(context);
  if (!context.Confirm(fmt::format("This will delete version [{}]...", context.Positional(0)))) {
    return Cancelled("Aborted by user.");
  }
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.line().Text("model"), "versions",
                                                          context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json operation, api->Call("DELETE", path));
  ASSIGN_OR_RETURN(Json done,
                   WaitForOperation(context, operation,
                                    fmt::format("Deleting version [{}]", context.Positional(0))));
  return 0;
}

constexpr size_t kInstancesLimit = 100;  // gcloud's limit for the two line formats

Result<Json> ReadInstances(const CommandLine& line) {
  if (line.Has("json-request")) {
    ASSIGN_OR_RETURN(std::string text, ReadFile(line.Text("json-request")));
    ASSIGN_OR_RETURN_CTX(Json request, ParseJsonText(text), line.Text("json-request"));
    const Json* instances = Member(request, "instances");
    if (instances == nullptr) return InvalidArgument("The request has no \"instances\" list.");
    return *instances;
  }
  bool json = line.Has("json-instances");
  std::string path = line.Text(json ? "json-instances" : "text-instances");
  ASSIGN_OR_RETURN(std::string text, ReadFile(path));
  Json instances = Json::array();
  for (size_t at = 0, number = 1; at < text.size(); ++number) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string row = text.substr(at, end - at);
    at = end + 1;
    if (row.empty()) return InvalidArgument(fmt::format("{}:{}: empty line", path, number));
    if (instances.size() == kInstancesLimit) {
      return InvalidArgument(fmt::format("{}: more than {} instances", path, kInstancesLimit));
    }
    if (!json) {
      instances.push_back(row);
      continue;
    }
    ASSIGN_OR_RETURN_CTX(Json instance, ParseJsonText(row), fmt::format("{}:{}", path, number));
    instances.push_back(std::move(instance));
  }
  return instances;
}

Result<int> Predict(Context& context) {
  PrintEndpoint(context);
  const CommandLine& line = context.line();
  if (!line.Has("json-instances") && !line.Has("json-request") && !line.Has("text-instances")) {
    return InvalidArgument(
        "Exactly one of (--json-instances | --json-request | --text-instances) must be specified.");
  }
  ASSIGN_OR_RETURN(Json instances, ReadInstances(line));
  Json body = {{"instances", std::move(instances)}};
  if (line.Has("signature-name")) body["signature_name"] = line.Text("signature-name");
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {line.Text("model")}));
  if (line.Has("version")) path += "/versions/" + PercentEncode(line.Text("version"));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json answer, api->Post(path + ":predict", body));
  return context.Print(answer, "json");
}

Flag ModelFlag() { return TextFlag("model", "MODEL", "Name of the model.").Required(); }
Flag RegionFlag() {
  return TextFlag("region", "REGION", "Region of the endpoint; every region is this server.");
}

}  // namespace

Group ModelsGroup() {
  Positional model{"MODEL", "Name of the model."};
  Group group{.name = "models", .summary = "Work with models"};
  group.commands = {
      {.name = "list",
       .summary = "List the models of the project",
       .flags = {RegionFlag()},
       .run = ListModels,
       .lists = true},
      {.name = "create",
       .summary = "Create a model",
       .positionals = {model},
       .flags = {TextFlag("description", "DESCRIPTION", "Description of the model."),
                 SwitchFlag("enable-logging", "Log each online prediction."),
                 SwitchFlag("enable-console-logging", "Log what the prediction program prints."),
                 PairsFlag("labels", "KEY=VALUE", "Labels to set."), RegionFlag(),
                 ListFlag("regions", "REGION", "Regions of the model.")},
       .run = CreateModel,
       .exclusive = {{"region", "regions"}}},
      {.name = "describe",
       .summary = "Describe a model",
       .positionals = {model},
       .flags = {RegionFlag()},
       .run = DescribeModel},
      {.name = "delete",
       .summary = "Delete a model",
       .positionals = {model},
       .flags = {RegionFlag()},
       .run = DeleteModel},
  };
  return group;
}

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
       .flags = {ModelFlag(), RegionFlag(), SwitchFlag("async", "Do not wait for the operation."),
                 TextFlag("origin", "ORIGIN", "gs:// folder of the trained model."),
                 TextFlag("runtime-version", "RUNTIME_VERSION", "Runtime to serve it with."),
                 TextFlag("python-version", "PYTHON_VERSION", "Python to serve it with."),
                 TextFlag("framework", "FRAMEWORK", "Framework of the model.")
                     .Choices({"scikit-learn", "tensorflow", "xgboost"}),
                 TextFlag("machine-type", "MACHINE_TYPE", "Machine to serve it on."),
                 TextFlag("description", "DESCRIPTION", "Description of the version."),
                 TextFlag("prediction-class", "CLASS", "Class of a custom prediction routine."),
                 ListFlag("package-uris", "PACKAGE_URI", "Packages of the routine."),
                 TextFlag("service-account", "ACCOUNT", "Account it runs as."),
                 PairsFlag("labels", "KEY=VALUE", "Labels to set.")},
       .run = CreateVersion},
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
      {.name = "delete",
       .summary = "Delete a version",
       .positionals = {version},
       .flags = {ModelFlag(), RegionFlag()},
       .run = DeleteVersion},
  };
  return group;
}

Command PredictCommand() {
  return {
      .name = "predict",
      .summary = "Ask a model for predictions",
      .flags = {ModelFlag(), RegionFlag(),
                TextFlag("version", "VERSION", "Version; default: the model's default version."),
                TextFlag("json-instances", "FILE", "File with one JSON instance a line."),
                TextFlag("json-request", "FILE", "File with a JSON request."),
                TextFlag("text-instances", "FILE", "File with one text instance a line."),
                TextFlag("signature-name", "NAME", "Signature of the model to use.")},
      .run = Predict,
      .exclusive = {{"json-instances", "json-request", "text-instances"}}};
}

}  // namespace hodei::cli
