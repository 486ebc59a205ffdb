// predict: online predictions.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/model_paths.h"
#include "cli/ml/prediction_text.h"

namespace hodei::cli {
namespace {

// Whether the version may have signatures that are not called serving_default.
bool MayNeedSignature(const Json& model_or_version) {
  const Json* inner = Member(model_or_version, "defaultVersion");
  const Json& version = inner == nullptr ? model_or_version : *inner;
  std::string framework = MemberText(version, "framework");
  if (!framework.empty() && framework != "TENSORFLOW") return false;
  std::string runtime = MemberText(version, "runtimeVersion");
  char* end = nullptr;
  long major = std::strtol(runtime.c_str(), &end, 10);
  long minor = *end == '.' ? std::strtol(end + 1, nullptr, 10) : 0;
  return major > 1 || (major == 1 && minor >= 8);
}

Result<int> Predict(Context& context) {
  const CommandLine& line = context.line();
  bool any = false;
  for (const std::string& name : InstanceFlagNames()) any |= line.Has(name);
  if (!any) {
    return InvalidArgument(
               "Exactly one of (--json-instances | --json-request | --text-instances) must be "
               "specified.")
        .WithReason("usage");
  }
  ASSIGN_OR_RETURN(Json instances, ReadInstances(line, kInstancesLimit));
  PrintEndpoint(context);
  Json body = {{"instances", std::move(instances)}};
  if (line.Has("signature-name")) body["signature_name"] = line.Text("signature-name");
  ASSIGN_OR_RETURN(std::string path, ModelsPath(context, {line.Text("model")}));
  if (line.Has("version")) path += "/versions/" + PercentEncode(line.Text("version"));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  if (!line.Has("signature-name")) {
    ASSIGN_OR_RETURN(Json described, api->Get(path));
    if (MayNeedSignature(described)) {
      context.console().Err(
          "You are running on a runtime version >= 1.8. If the signature defined in the model is "
          "not serving_default then you must specify it via --signature-name flag, otherwise the "
          "command may fail.\n");
    }
  }
  net::ClientRequest request;
  request.method = "POST";
  request.target = path + ":predict";
  request.headers.Set("Content-Type", "application/json");
  request.body = JsonText(body);
  ASSIGN_OR_RETURN(net::ClientResponse response, api->Send(std::move(request)));
  if (response.status != 200) {
    return Status(CodeFromHttpStatus(response.status),
                  "HTTP request failed. Response: " + response.body);
  }
  ASSIGN_OR_RETURN(Json answer, ParseJsonText(response.body));
  return PrintPredictions(context, answer);
}

}  // namespace

Command PredictCommand() {
  std::vector<Flag> flags = InstanceFlags();
  flags.push_back(ModelFlag());
  flags.push_back(RegionFlag());
  flags.push_back(TextFlag("version", "VERSION", "Version; default: the model's default version."));
  return {.name = "predict",
          .summary = "Ask a model for predictions",
          .flags = std::move(flags),
          .run = Predict,
          .examples = "  $ hodei ml-engine predict --model my_model --json-instances rows.json",
          .exclusive = {InstanceFlagNames()}};
}

}  // namespace hodei::cli
