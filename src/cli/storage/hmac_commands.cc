// storage hmac create|list|describe|update|delete.
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/storage/storage_commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

Result<std::string> KeysPath(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  return "/storage/v1/projects/" + PercentEncode(project) + "/hmacKeys";
}

Result<std::string> KeyPath(Context& context) {
  ASSIGN_OR_RETURN(std::string path, KeysPath(context));
  return path + "/" + PercentEncode(context.Positional(0));
}

Result<int> CreateKey(Context& context) {
  ASSIGN_OR_RETURN(std::string path, KeysPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json key,
                   api->Call("POST", path, {{"serviceAccountEmail", context.Positional(0)}}));
  return context.Print(key);
}

Result<int> ListKeys(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(std::string path, KeysPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json keys = Json::array();
  std::string token;
  do {
    Query query = {{"maxResults", "250"}};
    if (line.Switch("all")) query.emplace_back("showDeletedKeys", "true");
    if (line.Has("service-account"))
      query.emplace_back("serviceAccountEmail", line.Text("service-account"));
    if (!token.empty()) query.emplace_back("pageToken", token);
    ASSIGN_OR_RETURN(Json page, api->Get(path, query));
    if (const Json* items = Member(page, "items"); items != nullptr && items->is_array()) {
      for (const Json& item : *items) {
        if (line.Switch("long")) {
          keys.push_back(item);
          continue;
        }
        keys.push_back({{"accessId", MemberText(item, "accessId")},
                        {"serviceAccountEmail", MemberText(item, "serviceAccountEmail")},
                        {"state", MemberText(item, "state")}});
      }
    }
    token = MemberText(page, "nextPageToken");
  } while (!token.empty());
  return context.PrintList(keys, "yaml", "accessId");
}

Result<int> DescribeKey(Context& context) {
  ASSIGN_OR_RETURN(std::string path, KeyPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json key, api->Get(path));
  return context.Print(key);
}

Result<int> UpdateKey(Context& context) {
  const CommandLine& line = context.line();
  if (line.Switch("activate") == line.Switch("deactivate")) {
    return InvalidArgument("Exactly one of (--activate | --deactivate) must be specified.")
        .WithReason("usage");
  }
  ASSIGN_OR_RETURN(std::string path, KeyPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json body = {{"state", line.Switch("activate") ? "ACTIVE" : "INACTIVE"}};
  if (line.Has("etag")) body["etag"] = line.Text("etag");
  ASSIGN_OR_RETURN(Json key, api->Call("PUT", path, {}, &body));
  return context.Print(key);
}

Result<int> DeleteKey(Context& context) {
  ASSIGN_OR_RETURN(std::string path, KeyPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  RETURN_IF_ERROR(api->Call("DELETE", path).status());
  return 0;
}

}  // namespace

Group HmacGroup() {
  Positional key{"ACCESS_ID", "Access ID of the key."};
  Group group{.name = "hmac", .summary = "Work with HMAC keys of service accounts"};
  group.commands = {
      {.name = "create",
       .summary = "Create a key for a service account",
       .positionals = {{"SERVICE_ACCOUNT", "E-mail of the service account."}},
       .run = CreateKey},
      {.name = "list",
       .summary = "List keys",
       .flags = {SwitchFlag("all", "Show deleted keys, too.").Alias("-a"),
                 SwitchFlag("long", "Show all that is known of each key.").Alias("-l"),
                 TextFlag("service-account", "E-MAIL", "Show the keys of this account only.")
                     .Alias("-u")},
       .run = ListKeys,
       .lists = true},
      {.name = "describe", .summary = "Describe a key", .positionals = {key}, .run = DescribeKey},
      {.name = "update",
       .summary = "Activate or deactivate a key",
       .positionals = {key},
       .flags = {SwitchFlag("activate", "Let the key be used."),
                 SwitchFlag("deactivate", "Keep the key from being used."),
                 TextFlag("etag", "ETAG", "Change only this version of the key.").Alias("-e")},
       .run = UpdateKey,
       .exclusive = {{"activate", "deactivate"}}},
      {.name = "delete",
       .summary = "Delete an inactive key",
       .positionals = {key},
       .run = DeleteKey},
  };
  return group;
}

}  // namespace hodei::cli
