#include "wire/gcs/bucket_resource.h"

#include <fmt/format.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "domain/objects/lifecycle.h"
#include "wire/gcs/cors.h"

namespace hodei::wire::gcs {
namespace {

// Kept as given and merged as JSON. A bucket that never had one shows none.
constexpr std::array<std::string_view, 17> kKept = {"lifecycle",
                                                    "cors",
                                                    "website",
                                                    "logging",
                                                    "billing",
                                                    "encryption",
                                                    "autoclass",
                                                    "softDeletePolicy",
                                                    "rpo",
                                                    "acl",
                                                    "owner",
                                                    "defaultObjectAcl",
                                                    "customPlacementConfig",
                                                    "objectRetention",
                                                    "hierarchicalNamespace",
                                                    "ipFilter",
                                                    "satisfiesPZS"};

Status WrongType(std::string_view field) {
  return InvalidArgument(fmt::format("Invalid value for field '{}'.", field)).WithReason("invalid");
}

std::string Upper(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

// RFC 7396: null deletes, objects merge, all else replaces.
void MergePatch(const Json& patch, Json* target) {
  if (!patch.is_object()) {
    *target = patch;
    return;
  }
  if (!target->is_object()) *target = Json::object();
  for (const auto& [key, value] : patch.items()) {
    if (value.is_null()) {
      target->erase(key);
    } else {
      MergePatch(value, &(*target)[key]);
    }
  }
}

Status ReadLabels(const Json& json, bool merge, Bucket* bucket) {
  const auto it = json.find("labels");
  if (!merge || (it != json.end() && it->is_null())) bucket->clear_labels();
  if (it == json.end() || it->is_null()) return OkStatus();
  if (!it->is_object()) return WrongType("labels");
  for (const auto& [key, value] : it->items()) {
    if (value.is_null()) {
      bucket->mutable_labels()->erase(key);
    } else if (value.is_string()) {
      (*bucket->mutable_labels())[key] = value.get<std::string>();
    } else {
      return WrongType("labels." + key);
    }
  }
  return OkStatus();
}

// A boolean inside a sub-object: `json.outer.inner`.
Status ReadNestedBool(const Json& json, std::string_view inner, bool* value) {
  const auto it = json.find(inner);
  if (it == json.end() || it->is_null()) return OkStatus();
  if (!it->is_boolean()) return WrongType(inner);
  *value = it->get<bool>();
  return OkStatus();
}

Status ReadVersioning(const Json& json, bool merge, Bucket* bucket) {
  const auto it = json.find("versioning");
  if (it == json.end() || it->is_null()) {
    if (!merge || it != json.end()) bucket->clear_versioning();
    return OkStatus();
  }
  if (!it->is_object()) return WrongType("versioning");
  bool enabled = bucket->versioning().enabled();
  RETURN_IF_ERROR(ReadNestedBool(*it, "enabled", &enabled));
  bucket->mutable_versioning()->set_enabled(enabled);
  return OkStatus();
}

Status ReadIamConfiguration(const Json& json, bool merge, Bucket* bucket) {
  const auto it = json.find("iamConfiguration");
  if (it == json.end() || it->is_null()) {
    if (!merge || it != json.end()) bucket->clear_iam_configuration();
    return OkStatus();
  }
  if (!it->is_object()) return WrongType("iamConfiguration");
  auto* configuration = bucket->mutable_iam_configuration();
  bool uniform = configuration->uniform_bucket_level_access().enabled();
  // The older spelling first: the newer one decides when both are there.
  for (const char* spelling : {"bucketPolicyOnly", "uniformBucketLevelAccess"}) {
    const auto access = it->find(spelling);
    if (access == it->end() || access->is_null()) continue;
    if (!access->is_object()) return WrongType(spelling);
    RETURN_IF_ERROR(ReadNestedBool(*access, "enabled", &uniform));
  }
  configuration->mutable_uniform_bucket_level_access()->set_enabled(uniform);
  if (const auto prevention = it->find("publicAccessPrevention");
      prevention != it->end() && !prevention->is_null()) {
    if (!prevention->is_string()) return WrongType("publicAccessPrevention");
    configuration->set_public_access_prevention(prevention->get<std::string>());
  }
  return OkStatus();
}

Status ReadRetention(const Json& json, bool merge, Bucket* bucket) {
  const auto it = json.find("retentionPolicy");
  if (it == json.end() || it->is_null()) {
    if (it == json.end() && merge) return OkStatus();
    if (bucket->retention_policy().is_locked()) {
      return PermissionDenied("The bucket's retention policy is locked.").WithReason("forbidden");
    }
    bucket->clear_retention_policy();
    return OkStatus();
  }
  if (!it->is_object()) return WrongType("retentionPolicy");
  const auto period = it->find("retentionPeriod");
  if (period == it->end()) return OkStatus();
  std::optional<int64_t> seconds;
  if (period->is_string()) seconds = ParseInt64(period->get_ref<const std::string&>());
  if (period->is_number_integer()) seconds = period->get<int64_t>();
  if (!seconds || *seconds < 0 || *seconds > 3'155'760'000) return WrongType("retentionPeriod");
  if (bucket->retention_policy().is_locked() &&
      *seconds < bucket->retention_policy().retention_period()) {
    return PermissionDenied("A locked retention policy cannot be shortened.")
        .WithReason("forbidden");
  }
  bucket->mutable_retention_policy()->set_retention_period(*seconds);
  return OkStatus();
}

Status ReadKept(const Json& json, bool merge, Bucket* bucket) {
  for (const std::string_view name : kKept) {
    const std::string key(name);
    const auto it = json.find(key);
    if (it == json.end()) {
      // Replacing a bucket must not take its access lists away.
      if (!merge && name != "acl" && name != "defaultObjectAcl") {
        bucket->mutable_settings()->erase(key);
      }
      continue;
    }
    if (it->is_null()) {
      bucket->mutable_settings()->erase(key);
      continue;
    }
    if (name == "cors") RETURN_IF_ERROR(ValidateCors(*it));
    Json next = Json::object();
    const auto now = bucket->settings().find(key);
    if (merge && now != bucket->settings().end()) next = FromValue(now->second);
    MergePatch(*it, &next);
    const google::protobuf::Value value = ToValue(next);
    if (name == "lifecycle") {
      // What is set must be what the housekeeping can carry out.
      Status valid = objects::ParseLifecycle(value).status();
      if (!valid.ok()) return valid.WithReason("invalid");
    }
    (*bucket->mutable_settings())[key] = value;
  }
  return OkStatus();
}

Json IamConfigurationJson(const Bucket& bucket) {
  const auto& configuration = bucket.iam_configuration();
  const bool uniform = configuration.uniform_bucket_level_access().enabled();
  const std::string& prevention = configuration.public_access_prevention();
  return Json{{"bucketPolicyOnly", {{"enabled", uniform}}},
              {"uniformBucketLevelAccess", {{"enabled", uniform}}},
              {"publicAccessPrevention", prevention.empty() ? "inherited" : prevention}};
}

}  // namespace

std::string_view LocationType(std::string_view location) {
  if (location == "US" || location == "EU" || location == "ASIA") return "multi-region";
  return location.find('-') == std::string_view::npos ? "dual-region" : "region";
}

std::string BucketEtag(const Bucket& bucket) {
  std::string bytes(1, '\x08');
  uint64_t value = static_cast<uint64_t>(bucket.metageneration());
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(value | 0x80));
  bytes.push_back(static_cast<char>(value));
  return Base64Encode(bytes);
}

void PrintBucket(const Bucket& bucket, const PrintContext& context, const FieldSelection& selection,
                 std::string* out) {
  JsonObjectWriter writer(selection, out);
  writer.String("kind", "storage#bucket");
  writer.String("id", bucket.name());
  writer.String("selfLink", fmt::format("{}/storage/v1/b/{}", context.base_url, bucket.name()));
  writer.NumberText("projectNumber", bucket.project_number());
  writer.String("name", bucket.name());
  writer.NumberText("generation", bucket.generation());
  writer.NumberText("metageneration", bucket.metageneration());
  writer.String("location", bucket.location());
  writer.String("locationType", LocationType(bucket.location()));
  writer.String("storageClass", bucket.storage_class());
  writer.String("etag", BucketEtag(bucket));
  writer.Time("timeCreated", bucket.time_created());
  writer.Time("updated", bucket.updated());
  writer.Tree("iamConfiguration", IamConfigurationJson(bucket));
  if (bucket.has_versioning()) {
    writer.Tree("versioning", Json{{"enabled", bucket.versioning().enabled()}});
  }
  if (!bucket.labels().empty()) {
    const std::map<std::string, std::string> sorted(bucket.labels().begin(), bucket.labels().end());
    Json labels = Json::object();
    for (const auto& [key, value] : sorted) labels[key] = value;
    writer.Tree("labels", labels);
  }
  if (bucket.has_retention_policy()) {
    const auto& policy = bucket.retention_policy();
    Json json{{"retentionPeriod", std::to_string(policy.retention_period())},
              {"effectiveTime", FormatTime(policy.effective_time())}};
    if (policy.is_locked()) json["isLocked"] = true;
    writer.Tree("retentionPolicy", json);
  }
  if (bucket.default_event_based_hold()) writer.Bool("defaultEventBasedHold", true);
  for (const std::string_view name : kKept) {
    const auto it = bucket.settings().find(std::string(name));
    const bool access = name == "acl" || name == "defaultObjectAcl" || name == "owner";
    if (it == bucket.settings().end() || (access && !context.full)) continue;
    writer.Tree(name, FromValue(it->second));
  }
}

Status ReadBucket(const Json& json, bool merge, Bucket* bucket) {
  for (const char* field : {"location", "storageClass"}) {
    const auto it = json.find(field);
    if (it == json.end() || it->is_null()) continue;
    if (!it->is_string()) return WrongType(field);
    const std::string value = Upper(it->get<std::string>());
    if (std::string_view(field) == "storageClass") {
      bucket->set_storage_class(value);
    } else if (bucket->location().empty()) {
      bucket->set_location(value);  // fixed once the bucket is made
    }
  }
  RETURN_IF_ERROR(ReadLabels(json, merge, bucket));
  RETURN_IF_ERROR(ReadVersioning(json, merge, bucket));
  RETURN_IF_ERROR(ReadIamConfiguration(json, merge, bucket));
  RETURN_IF_ERROR(ReadRetention(json, merge, bucket));
  if (const auto it = json.find("defaultEventBasedHold"); it != json.end() && !it->is_null()) {
    if (!it->is_boolean()) return WrongType("defaultEventBasedHold");
    bucket->set_default_event_based_hold(it->get<bool>());
  }
  return ReadKept(json, merge, bucket);
}

}  // namespace hodei::wire::gcs
