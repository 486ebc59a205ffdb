// Buckets: create, list, describe, delete.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/storage/storage_client.h"
#include "cli/storage/storage_handlers.h"

namespace hodei::cli {
namespace {

Result<GsUrl> BucketUrl(const std::string& text) {
  ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(IsGsUrl(text) ? text : "gs://" + text));
  if (url.object.empty()) return url;
  return InvalidArgument(
      fmt::format("[{}] names an object; give a bucket, such as gs://{}.", text, url.bucket));
}

// A bucket as `gcloud storage buckets` shows it.
Json ShownBucket(const Json& bucket) {
  Json shown = Json::object();
  auto take = [&](const char* from, const char* as) {
    std::string text = MemberText(bucket, from);
    if (!text.empty()) shown[as] = text;
  };
  take("timeCreated", "creation_time");
  take("storageClass", "default_storage_class");
  take("location", "location");
  take("name", "name");
  take("updated", "update_time");
  std::string metageneration = MemberText(bucket, "metageneration");
  if (!metageneration.empty())
    shown["metageneration"] = std::strtoll(metageneration.c_str(), nullptr, 10);
  shown["storage_url"] = "gs://" + MemberText(bucket, "name") + "/";
  return shown;
}

}  // namespace

Result<int> CreateBuckets(Context& context) {
  const CommandLine& line = context.line();
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  if (line.Has("project-of-bucket")) project = line.Text("project-of-bucket");
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  for (const std::string& text : line.positionals) {
    ASSIGN_OR_RETURN(GsUrl url, BucketUrl(text));
    Json body = {{"name", url.bucket}};
    if (line.Has("location")) body["location"] = line.Text("location");
    if (line.Has("default-storage-class"))
      body["storageClass"] = line.Text("default-storage-class");
    context.console().Err(fmt::format("Creating gs://{}/...\n", url.bucket));
    Result<Json> created = api->Post("/storage/v1/b", body, {{"project", project}});
    if (!created.ok()) return created.status();
  }
  return 0;
}

Result<int> ListBuckets(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Json shown = Json::array();
  std::string token;
  do {
    Query query = {{"project", project}, {"maxResults", "1000"}};
    if (!token.empty()) query.emplace_back("pageToken", token);
    ASSIGN_OR_RETURN(Json page, api->Get("/storage/v1/b", query));
    if (const Json* items = Member(page, "items"); items != nullptr) {
      for (const Json& bucket : *items) shown.push_back(ShownBucket(bucket));
    }
    token = MemberText(page, "nextPageToken");
  } while (!token.empty());
  return context.PrintList(shown, "yaml", "storage_url");
}

Result<int> DescribeBucket(Context& context) {
  ASSIGN_OR_RETURN(GsUrl url, BucketUrl(context.Positional(0)));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Result<Json> bucket = api->Get(BucketPath(url.bucket));
  if (!bucket.ok() && bucket.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("gs://{} not found: 404.", url.bucket));
  }
  RETURN_IF_ERROR(bucket.status());
  return context.Print(ShownBucket(*bucket));
}

Result<int> DeleteBuckets(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  for (const std::string& text : context.line().positionals) {
    ASSIGN_OR_RETURN(GsUrl url, BucketUrl(text));
    context.console().Err(fmt::format("Removing gs://{}/...\n", url.bucket));
    Result<Json> removed = api->Call("DELETE", BucketPath(url.bucket));
    if (!removed.ok() && removed.status().code() == Code::kAlreadyExists) {
      return FailedPrecondition(
          fmt::format("gs://{} is not empty. Delete it with its objects by `hodei "
                      "storage rm -r gs://{}`.",
                      url.bucket, url.bucket));
    }
    RETURN_IF_ERROR(removed.status());
  }
  return 0;
}

}  // namespace hodei::cli
