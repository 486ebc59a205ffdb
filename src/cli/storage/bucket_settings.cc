#include "cli/storage/bucket_settings.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/storage/sign_url.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

constexpr size_t kFileLimitBytes = 1 << 20;

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// {"rule": […]} with or without the "lifecycle" around it; gcloud takes both.
Result<Json> ReadLifecycle(const std::string& path) {
  ASSIGN_OR_RETURN(Json json, ReadJsonFile(path));
  if (const Json* inner = Member(json, "lifecycle"); inner != nullptr) return *inner;
  if (Member(json, "rule") == nullptr) {
    return InvalidArgument(
        fmt::format("{}: a lifecycle configuration is {{\"rule\": [...]}}.", path));
  }
  return json;
}

Status AddDurations(const CommandLine& line, Json* body) {
  if (line.Has("retention-period")) {
    ASSIGN_OR_RETURN(int64_t seconds, ParseDurationSeconds(line.Text("retention-period")));
    (*body)["retentionPolicy"]["retentionPeriod"] = std::to_string(seconds);
  }
  if (line.Has("soft-delete-duration")) {
    ASSIGN_OR_RETURN(int64_t seconds, ParseDurationSeconds(line.Text("soft-delete-duration")));
    (*body)["softDeletePolicy"]["retentionDurationSeconds"] = std::to_string(seconds);
  }
  return OkStatus();
}

// Flags that create and update share.
Status AddCommon(const CommandLine& line, Json* body) {
  if (line.Has("default-storage-class"))
    (*body)["storageClass"] = Upper(line.Text("default-storage-class"));
  if (line.Has("uniform-bucket-level-access")) {
    (*body)["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] =
        line.Switch("uniform-bucket-level-access");
  }
  if (line.Has("uniform-access")) {  // gsutil's -b on|off
    (*body)["iamConfiguration"]["uniformBucketLevelAccess"]["enabled"] =
        line.Text("uniform-access") == "on";
  }
  if (line.Has("public-access-prevention")) {
    (*body)["iamConfiguration"]["publicAccessPrevention"] =
        line.Switch("public-access-prevention") ? "enforced" : "inherited";
  }
  if (line.Has("versioning")) (*body)["versioning"]["enabled"] = line.Switch("versioning");
  if (line.Has("default-event-based-hold"))
    (*body)["defaultEventBasedHold"] = line.Switch("default-event-based-hold");
  if (line.Has("requester-pays"))
    (*body)["billing"]["requesterPays"] = line.Switch("requester-pays");
  if (line.Has("recovery-point-objective"))
    (*body)["rpo"] = Upper(line.Text("recovery-point-objective"));
  if (line.Has("lifecycle-file")) {
    ASSIGN_OR_RETURN((*body)["lifecycle"], ReadLifecycle(line.Text("lifecycle-file")));
  }
  return AddDurations(line, body);
}

Status AddLabels(const CommandLine& line, Json* body) {
  if (line.Has("labels-file")) {
    ASSIGN_OR_RETURN((*body)["labels"], ReadJsonFile(line.Text("labels-file")));
  }
  for (const auto& [key, value] : line.Pairs("update-labels")) (*body)["labels"][key] = value;
  for (const std::string& key : line.List("remove-labels")) (*body)["labels"][key] = nullptr;
  return OkStatus();
}

void AddClearings(const CommandLine& line, Json* body) {
  static constexpr std::pair<const char*, const char*> kWhole[] = {
      {"clear-cors", "cors"},
      {"clear-labels", "labels"},
      {"clear-lifecycle", "lifecycle"},
      {"clear-log-bucket", "logging"},
      {"clear-retention-period", "retentionPolicy"},
      {"clear-default-encryption-key", "encryption"}};
  for (const auto& [flag, member] : kWhole) {
    if (line.Switch(flag)) (*body)[member] = nullptr;
  }
  if (line.Switch("clear-soft-delete"))
    (*body)["softDeletePolicy"]["retentionDurationSeconds"] = "0";
  if (line.Switch("clear-public-access-prevention"))
    (*body)["iamConfiguration"]["publicAccessPrevention"] = nullptr;
  if (line.Switch("clear-log-object-prefix")) (*body)["logging"]["logObjectPrefix"] = nullptr;
  if (line.Switch("clear-web-main-page-suffix")) (*body)["website"]["mainPageSuffix"] = nullptr;
  if (line.Switch("clear-web-error-page")) (*body)["website"]["notFoundPage"] = nullptr;
}

}  // namespace

Result<Json> ReadJsonFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, kFileLimitBytes));
  ASSIGN_OR_RETURN_CTX(Json json, ParseJsonText(text), path);
  return json;
}

Result<Json> NewBucketSettings(const CommandLine& line) {
  Json body = Json::object();
  if (line.Has("location")) body["location"] = Upper(line.Text("location"));
  RETURN_IF_ERROR(AddCommon(line, &body));
  if (line.Has("placement"))
    body["customPlacementConfig"]["dataLocations"] = line.List("placement");
  if (line.Switch("enable-autoclass")) body["autoclass"]["enabled"] = true;
  return body;
}

Result<Json> BucketChanges(const CommandLine& line) {
  Json body = Json::object();
  RETURN_IF_ERROR(AddCommon(line, &body));
  RETURN_IF_ERROR(AddLabels(line, &body));
  if (line.Has("cors-file")) {
    ASSIGN_OR_RETURN(body["cors"], ReadJsonFile(line.Text("cors-file")));
  }
  if (line.Has("log-bucket")) {
    std::string bucket = line.Text("log-bucket");
    body["logging"]["logBucket"] = bucket.rfind("gs://", 0) == 0 ? bucket.substr(5) : bucket;
  }
  if (line.Has("log-object-prefix"))
    body["logging"]["logObjectPrefix"] = line.Text("log-object-prefix");
  if (line.Has("web-main-page-suffix"))
    body["website"]["mainPageSuffix"] = line.Text("web-main-page-suffix");
  if (line.Has("web-error-page")) body["website"]["notFoundPage"] = line.Text("web-error-page");
  if (line.Has("default-encryption-key"))
    body["encryption"]["defaultKmsKeyName"] = line.Text("default-encryption-key");
  AddClearings(line, &body);
  return body;
}

}  // namespace hodei::cli
