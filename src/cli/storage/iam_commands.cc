// buckets get-iam-policy|set-iam-policy|add-iam-policy-binding|remove-iam-policy-binding.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/storage/access_changes.h"
#include "cli/storage/bucket_settings.h"
#include "cli/storage/storage_commands.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

Result<Json> GetPolicy(Api& api, const std::string& bucket) {
  Result<Json> policy = api.Get(BucketPath(bucket) + "/iam");
  if (!policy.ok() && policy.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("gs://{} not found: 404.", bucket));
  }
  return policy;
}

Result<Json> PutPolicy(Api& api, const std::string& bucket, const Json& policy) {
  return api.Call("PUT", BucketPath(bucket) + "/iam", {}, &policy);
}

Json WithoutKind(Json policy) {
  policy.erase("kind");
  policy.erase("resourceId");
  return policy;
}

Result<int> ShowPolicy(Context& context) {
  ASSIGN_OR_RETURN(std::string bucket, BucketOf(context, context.Positional(0)));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json policy, GetPolicy(*api, bucket));
  return context.Print(WithoutKind(std::move(policy)));
}

Result<int> SetPolicy(Context& context) {
  ASSIGN_OR_RETURN(Json policy, ReadJsonFile(context.line().positionals.back()));
  ASSIGN_OR_RETURN(std::string bucket, BucketOf(context, context.Positional(0)));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  if (context.line().Has("etag")) policy["etag"] = context.line().Text("etag");
  ASSIGN_OR_RETURN(Json written, PutPolicy(*api, bucket, policy));
  return context.Print(WithoutKind(std::move(written)));
}

Result<int> ChangePolicy(Context& context, bool add) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(std::string bucket, BucketOf(context, context.Positional(0)));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json policy, GetPolicy(*api, bucket));
  bool changed = ChangeBinding(&policy, line.Text("role"), line.Text("member"), add);
  if (!changed && !add) {
    return NotFound(
        fmt::format("Policy binding with the specified principal and role not found: "
                    "[{}] does not have [{}].",
                    line.Text("member"), line.Text("role")));
  }
  if (changed) {
    ASSIGN_OR_RETURN(policy, PutPolicy(*api, bucket, WithoutKind(policy)));
  }
  return context.Print(WithoutKind(std::move(policy)));
}

Result<int> AddBinding(Context& context) { return ChangePolicy(context, true); }
Result<int> RemoveBinding(Context& context) { return ChangePolicy(context, false); }

}  // namespace

std::vector<Command> BucketPolicyCommands() {
  Positional url{"URL", "gs:// name of the bucket."};
  std::vector<Flag> binding = {
      TextFlag("member", "PRINCIPAL", "Whom: user:E, serviceAccount:E, group:E or allUsers.")
          .Required(),
      TextFlag("role", "ROLE", "Which role, for example roles/storage.objectViewer.").Required()};
  return {
      {.name = "get-iam-policy",
       .summary = "Show who may do what with a bucket",
       .positionals = {url},
       .run = ShowPolicy},
      {.name = "set-iam-policy",
       .summary = "Replace who may do what with a bucket",
       .positionals = {url, {"POLICY_FILE", "File with the policy as JSON."}},
       .flags = {TextFlag("etag", "ETAG", "Replace only this version of the policy.").Alias("-e")},
       .run = SetPolicy},
      {.name = "add-iam-policy-binding",
       .summary = "Give a principal a role on a bucket",
       .positionals = {url},
       .flags = binding,
       .run = AddBinding,
       .examples = "  $ hodei storage buckets add-iam-policy-binding gs://my-bucket \\\n"
                   "      --member=allUsers --role=roles/storage.objectViewer"},
      {.name = "remove-iam-policy-binding",
       .summary = "Take a role on a bucket from a principal",
       .positionals = {url},
       .flags = binding,
       .run = RemoveBinding},
  };
}

}  // namespace hodei::cli
