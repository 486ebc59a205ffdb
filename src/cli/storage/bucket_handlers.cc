// Buckets: create, list, describe, delete.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/storage/bucket_settings.h"
#include "cli/storage/resource_display.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

// A service error as gcloud shows one of the storage API.
Status HttpError(const Status& status) {
  if (status.code() != Code::kAlreadyExists) return status;
  return AlreadyExists(fmt::format("HTTPError 409: {}", status.message()));
}

Json Displayed(Context& context, const Json& bucket) {
  return context.line().Switch("raw") ? bucket : ShownBucket(bucket);
}

}  // namespace

Result<int> CreateBuckets(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  if (line.Has("project-of-bucket")) project = line.Text("project-of-bucket");
  ASSIGN_OR_RETURN(Json settings, NewBucketSettings(line));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  for (const std::string& text : line.positionals) {
    ASSIGN_OR_RETURN(std::string bucket, BucketOf(context, text));
    Json body = settings;
    body["name"] = bucket;
    if (!line.Switch("quiet")) context.console().Err(fmt::format("Creating gs://{}/...\n", bucket));
    Query query = {{"project", project}};
    if (line.Switch("enable-per-object-retention"))
      query.emplace_back("enableObjectRetention", "true");
    Result<Json> created = api->Post("/storage/v1/b", body, query);
    if (!created.ok())
      return InGsutilWords(context) ? created.status() : HttpError(created.status());
  }
  return 0;
}

Result<int> ListBuckets(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  std::vector<std::string> patterns;
  for (const std::string& text : context.line().positionals) {
    std::string pattern = IsGsUrl(text) ? text.substr(5) : text;
    while (!pattern.empty() && pattern.back() == '/') pattern.pop_back();
    if (pattern.find('/') != pattern.npos) {
      return InvalidArgument("URL does not match buckets: " + text);
    }
    if (!pattern.empty()) patterns.push_back(pattern);
  }
  Json shown = Json::array();
  std::string token;
  do {
    Query query = {{"project", project}, {"maxResults", "1000"}, {"projection", "full"}};
    if (!token.empty()) query.emplace_back("pageToken", token);
    ASSIGN_OR_RETURN(Json page, api->Get("/storage/v1/b", query));
    if (const Json* items = Member(page, "items"); items != nullptr) {
      for (const Json& bucket : *items) {
        bool wanted = patterns.empty();
        for (const std::string& pattern : patterns) {
          wanted |= GlobMatches(pattern, MemberText(bucket, "name"));
        }
        if (wanted) shown.push_back(Displayed(context, bucket));
      }
    }
    token = MemberText(page, "nextPageToken");
  } while (!token.empty());
  return context.PrintList(shown, "yaml", "storage_url");
}

Result<int> DescribeBucket(Context& context) {
  if (HasWildcard(context.Positional(0))) {
    return InvalidArgument(
        "Describe does not accept wildcards because it returns a single resource. Please use the "
        "`ls` or `buckets list` command for retrieving multiple resources.");
  }
  ASSIGN_OR_RETURN(std::string name, BucketOf(context, context.Positional(0)));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json bucket, GetBucket(*api, name, {{"projection", "full"}}));
  return context.Print(Displayed(context, bucket));
}

Result<int> UpdateBuckets(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(Json changes, BucketChanges(line));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<std::string> buckets, BucketsOf(context, *api, PathsOf(context)));
  bool lock = line.Switch("lock-retention-period");
  if (changes.empty() && !lock) {
    return InvalidArgument("Give at least one flag that says what to change.").WithReason("usage");
  }
  for (const std::string& bucket : buckets) {
    if (!changes.empty()) {
      context.console().Err(fmt::format("Updating gs://{}/...\n", bucket));
      RETURN_IF_ERROR(api->Call("PATCH", BucketPath(bucket), {}, &changes).status());
    }
    if (!lock) continue;
    if (!context.Confirm("This will PERMANENTLY set the retention policy on gs://" + bucket +
                         ".")) {
      return Cancelled("Aborted by user.");
    }
    context.console().Err(fmt::format("Locking retention policy on gs://{}/...\n", bucket));
    ASSIGN_OR_RETURN(Json current, GetBucket(*api, bucket));
    Query query = {{"ifMetagenerationMatch", MemberText(current, "metageneration")}};
    RETURN_IF_ERROR(api->Call("POST", BucketPath(bucket) + "/lockRetentionPolicy", query).status());
  }
  return 0;
}

Result<int> DeleteBuckets(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(std::vector<std::string> buckets,
                   BucketsOf(context, *api, context.line().positionals));
  bool gsutil = InGsutilWords(context);
  bool keep_on = context.line().Switch("continue-on-error") || context.line().Switch("force");
  Status first;
  for (const std::string& bucket : buckets) {
    if (!context.line().Switch("quiet"))
      context.console().Err(fmt::format("Removing gs://{}/...\n", bucket));
    Status status = api->Call("DELETE", BucketPath(bucket)).status();
    if (status.code() == Code::kAlreadyExists) {
      status = FailedPrecondition(
          gsutil ? "Bucket is not empty. Note: you must remove all objects before removing the "
                   "bucket, for example with `hodei gsutil rm -r gs://" +
                       bucket + "`."
                 : "Bucket is not empty. To delete all objects and then delete bucket, use: hodei "
                   "storage rm -r gs://" +
                       bucket);
    } else if (status.code() == Code::kNotFound) {
      status = NotFound(fmt::format("gs://{} not found: 404.", bucket));
    }
    if (status.ok()) continue;
    if (!keep_on) return status;
    if (first.ok()) first = status;
    context.console().Err("ERROR: " + std::string(status.message()) + "\n");
  }
  return first.ok() ? 0 : 1;
}

}  // namespace hodei::cli
