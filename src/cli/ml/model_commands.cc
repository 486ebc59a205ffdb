// models create|list|describe|update|delete and their IAM policies.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/model_paths.h"
#include "cli/ml/operation_wait.h"
#include "cli/storage/access_changes.h"
#include "cli/storage/bucket_settings.h"

namespace hodei::cli {
namespace {

Result<int> ListModels(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json models,
                   api->List(path, "models", {}, context.PageSize(), context.FetchLimit()));
  return context.PrintList(models,
                           "table(name.basename(),"
                           "defaultVersion.name.basename():label=DEFAULT_VERSION_NAME)");
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
  if (line.Has("labels")) body["labels"] = LabelsOf(line, "labels");
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

Result<int> UpdateModel(Context& context) {
  PrintEndpoint(context);
  const CommandLine& line = context.line();
  if (!AsksForLabels(line) && !line.Has("description")) {
    return InvalidArgument("Must specify at least one field to update.");
  }
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json body = Json::object();
  std::string mask;
  if (AsksForLabels(line)) {
    ASSIGN_OR_RETURN(Json current, api->Get(path));
    if (std::optional<Json> labels = ChangedLabels(line, current)) {
      body["labels"] = *labels;
      mask = "labels";
    }
  }
  if (line.Has("description")) {
    body["description"] = line.Text("description");
    mask += mask.empty() ? "description" : ",description";
  }
  if (mask.empty()) {
    context.console().Err("No update to perform.\n");
    return 0;
  }
  ASSIGN_OR_RETURN(Json operation, api->Call("PATCH", path, {{"updateMask", mask}}, &body));
  ASSIGN_OR_RETURN(Json done,
                   WaitForOperation(context, operation,
                                    fmt::format("Updating model [{}]", context.Positional(0))));
  context.console().Err(fmt::format("Updated ai platform model [{}].\n", context.Positional(0)));
  if (line.Has("format")) return context.Print(done);
  return 0;
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

Result<Json> PutPolicy(Api& api, const std::string& path, const Json& policy) {
  return api.Post(path + ":setIamPolicy", {{"policy", policy}, {"updateMask", "bindings,etag"}});
}

Result<int> ShowPolicy(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json policy, api->Get(path + ":getIamPolicy"));
  return context.Print(policy);
}

Result<int> SetPolicy(Context& context) {
  PrintEndpoint(context);
  ASSIGN_OR_RETURN(Json policy, ReadJsonFile(context.Positional(1)));
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json written, PutPolicy(*api, path, policy));
  context.console().Err(fmt::format("Updated IAM policy for model [{}].\n", context.Positional(0)));
  return context.Print(written);
}

Result<int> ChangePolicy(Context& context, bool add) {
  PrintEndpoint(context);
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {context.Positional(0)}));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json policy, api->Get(path + ":getIamPolicy"));
  bool changed = ChangeBinding(&policy, line.Text("role"), line.Text("member"), add);
  if (!changed && !add) {
    return NotFound("Policy binding with the specified principal and role not found!");
  }
  ASSIGN_OR_RETURN(Json written, PutPolicy(*api, path, policy));
  context.console().Err(fmt::format("Updated IAM policy for model [{}].\n", context.Positional(0)));
  return context.Print(written);
}

Result<int> AddBinding(Context& context) { return ChangePolicy(context, true); }
Result<int> RemoveBinding(Context& context) { return ChangePolicy(context, false); }

std::vector<Command> PolicyCommands(const Positional& model) {
  std::vector<Flag> binding = {
      TextFlag("member", "PRINCIPAL", "Whom: user:E, serviceAccount:E or group:E.").Required(),
      TextFlag("role", "ROLE", "Which role, for example roles/ml.modelUser.").Required(),
      RegionFlag()};
  return {
      {.name = "get-iam-policy",
       .summary = "Show who may do what with a model",
       .positionals = {model},
       .flags = {RegionFlag()},
       .run = ShowPolicy},
      {.name = "set-iam-policy",
       .summary = "Replace who may do what with a model",
       .positionals = {model, {"POLICY_FILE", "File with the policy as JSON."}},
       .flags = {RegionFlag()},
       .run = SetPolicy},
      {.name = "add-iam-policy-binding",
       .summary = "Give a principal a role on a model",
       .positionals = {model},
       .flags = binding,
       .run = AddBinding},
      {.name = "remove-iam-policy-binding",
       .summary = "Take a role on a model from a principal",
       .positionals = {model},
       .flags = binding,
       .run = RemoveBinding},
  };
}

}  // namespace

Group ModelsGroup() {
  Positional model{"MODEL", "Name of the model."};
  Group group{.name = "models", .summary = "Work with models"};
  std::vector<Flag> update = LabelUpdateFlags();
  update.push_back(TextFlag("description", "DESCRIPTION", "New description."));
  update.push_back(RegionFlag());
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
       .examples = "  $ hodei ml-engine models create my_model --regions=us-central1",
       .exclusive = {{"region", "regions"}}},
      {.name = "describe",
       .summary = "Describe a model",
       .positionals = {model},
       .flags = {RegionFlag()},
       .run = DescribeModel},
      {.name = "update",
       .summary = "Change a model's description and labels",
       .positionals = {model},
       .flags = std::move(update),
       .run = UpdateModel,
       .exclusive = {{"clear-labels", "remove-labels"}}},
      {.name = "delete",
       .summary = "Delete a model that has no versions",
       .positionals = {model},
       .flags = {RegionFlag()},
       .run = DeleteModel},
  };
  for (Command& command : PolicyCommands(model)) group.commands.push_back(std::move(command));
  return group;
}

}  // namespace hodei::cli
