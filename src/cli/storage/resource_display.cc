#include "cli/storage/resource_display.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/clock.h"
#include "cli/storage/gs_url.h"

namespace hodei::cli {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

enum class Kind { kText, kNumber, kBoolean, kTime, kValue, kPresence };

// One member of a resource in its three forms. A null title: the form does not show it; a null
// fallback: nothing is shown for an absent member.
struct Field {
  const char* path;  // as the API names it
  const char* name;  // as gcloud's describe names it
  Kind kind = Kind::kText;
  const char* gcloud_title = nullptr;
  const char* gcloud_fallback = nullptr;
  const char* gsutil_title = nullptr;
  const char* gsutil_fallback = nullptr;
};

const std::vector<Field>& ObjectFields() {
  static const std::vector<Field> fields = {
      {"bucket", "bucket"},
      {"name", "name"},
      {"timeCreated", "creation_time", Kind::kTime, "Creation Time", nullptr, "Creation time"},
      {"updated", "update_time", Kind::kTime, "Update Time", nullptr, "Update time"},
      {"softDeleteTime", "soft_delete_time", Kind::kTime, "Soft Delete Time"},
      {"hardDeleteTime", "hard_delete_time", Kind::kTime, "Hard Delete Time"},
      {"timeStorageClassUpdated", "storage_class_update_time", Kind::kTime,
       "Storage Class Update Time", nullptr, "Storage class update time"},
      {"storageClass", "storage_class", Kind::kText, "Storage Class", nullptr, "Storage class"},
      {"temporaryHold", "temporary_hold", Kind::kBoolean, "Temporary Hold", nullptr,
       "Temporary Hold"},
      {"eventBasedHold", "event_based_hold", Kind::kBoolean, "Event-Based Hold", nullptr,
       "Event-Based Hold"},
      {"retentionExpirationTime", "retention_expiration", Kind::kTime, "Retention Expiration",
       nullptr, "Retention Expiration"},
      {"retention", "retention_settings", Kind::kValue, "Retention Settings"},
      {"kmsKeyName", "kms_key", Kind::kText, "KMS Key", nullptr, "KMS key"},
      {"cacheControl", "cache_control", Kind::kText, "Cache-Control", nullptr, "Cache-Control"},
      {"contentDisposition", "content_disposition", Kind::kText, "Content-Disposition", nullptr,
       "Content-Disposition"},
      {"contentEncoding", "content_encoding", Kind::kText, "Content-Encoding", nullptr,
       "Content-Encoding"},
      {"contentLanguage", "content_language", Kind::kText, "Content-Language", nullptr,
       "Content-Language"},
      {"size", "size", Kind::kNumber, "Content-Length", "None", "Content-Length", "None"},
      {"contentType", "content_type", Kind::kText, "Content-Type", "None", "Content-Type", "None"},
      {"componentCount", "component_count", Kind::kNumber, "Component-Count", nullptr,
       "Component-Count"},
      {"customTime", "custom_time", Kind::kTime, "Custom-Time", nullptr, "Custom-Time"},
      {"timeDeleted", "noncurrent_time", Kind::kTime, "Noncurrent Time", nullptr,
       "Noncurrent time"},
      {"metadata", "custom_fields", Kind::kValue, "Additional Properties", nullptr, "Metadata"},
      {"crc32c", "crc32c_hash", Kind::kText, "Hash (CRC32C)", nullptr, "Hash (crc32c)"},
      {"md5Hash", "md5_hash", Kind::kText, "Hash (MD5)", nullptr, "Hash (md5)"},
      {"customerEncryption.encryptionAlgorithm", "encryption_algorithm", Kind::kText,
       "Encryption Algorithm", nullptr, "Encryption algorithm"},
      {"customerEncryption.keySha256", "decryption_key_hash_sha256", Kind::kText,
       "Encryption Key SHA256", nullptr, "Encryption key SHA256"},
      {"etag", "etag", Kind::kText, "ETag", "None", "ETag", "None"},
      {"generation", "generation", Kind::kText, "Generation", nullptr, "Generation"},
      {"metageneration", "metageneration", Kind::kNumber, "Metageneration", nullptr,
       "Metageneration"},
      {"acl", "acl", Kind::kValue, "ACL", "[]", "ACL", "[]"},
  };
  return fields;
}

const std::vector<Field>& BucketFields() {
  static const std::vector<Field> fields = {
      {"name", "name"},
      {"storageClass", "default_storage_class", Kind::kText, "Storage Class", "None",
       "Storage class", "None"},
      {"locationType", "location_type", Kind::kText, "Location Type", nullptr, "Location type"},
      {"location", "location", Kind::kText, "Location Constraint", "None", "Location constraint",
       "None"},
      {"customPlacementConfig.dataLocations", "data_locations", Kind::kValue, "Placement Locations",
       nullptr, "Placement locations"},
      {"versioning.enabled", "versioning_enabled", Kind::kBoolean, "Versioning Enabled", "None",
       "Versioning enabled", "None"},
      {"logging", "logging_config", Kind::kPresence, "Logging Configuration", "None",
       "Logging configuration", "None"},
      {"website", "website_config", Kind::kPresence, "Website Configuration", "None",
       "Website configuration", "None"},
      {"cors", "cors_config", Kind::kPresence, "CORS Configuration", "[]", "CORS configuration",
       "None"},
      {"lifecycle", "lifecycle_config", Kind::kPresence, "Lifecycle Configuration", "None",
       "Lifecycle configuration", "None"},
      {"billing.requesterPays", "requester_pays", Kind::kBoolean, "Requester Pays Enabled", "None",
       "Requester Pays enabled", "None"},
      {"objectRetention", "per_object_retention", Kind::kValue, "Object Retention"},
      {"retentionPolicy", "retention_policy", Kind::kPresence, "Retention Policy", nullptr,
       "Retention Policy"},
      {"defaultEventBasedHold", "default_event_based_hold", Kind::kBoolean,
       "Default Event-Based Hold", nullptr, "Default Event-Based Hold"},
      {"labels", "labels", Kind::kValue, "Labels", nullptr, "Labels", "None"},
      {"encryption.defaultKmsKeyName", "default_kms_key", Kind::kText, "Default KMS Key", "None",
       "Default KMS key", "None"},
      {"timeCreated", "creation_time", Kind::kTime, "Time Created", nullptr, "Time created"},
      {"updated", "update_time", Kind::kTime, "Time Updated", nullptr, "Time updated"},
      {"softDeleteTime", "soft_delete_time", Kind::kTime, "Soft Delete Time"},
      {"hardDeleteTime", "hard_delete_time", Kind::kTime, "Hard Delete Time"},
      {"generation", "generation", Kind::kNumber, "Generation"},
      {"metageneration", "metageneration", Kind::kNumber, "Metageneration", nullptr,
       "Metageneration"},
      {"iamConfiguration.uniformBucketLevelAccess.enabled", "uniform_bucket_level_access",
       Kind::kBoolean, "Bucket Policy Only Enabled", nullptr, "Bucket Policy Only enabled"},
      {"iamConfiguration.publicAccessPrevention", "public_access_prevention", Kind::kText,
       "Public Access Prevention", nullptr, "Public access prevention"},
      {"rpo", "rpo", Kind::kText, "RPO", nullptr, "RPO"},
      {"autoclass", "autoclass", Kind::kValue},
      {"softDeletePolicy", "soft_delete_policy", Kind::kValue, "Soft Delete Policy"},
      {"acl", "acl", Kind::kValue, "ACL", "[]", "ACL", "[]"},
      {"defaultObjectAcl", "default_acl", Kind::kValue, "Default ACL", nullptr, "Default ACL",
       "[]"},
  };
  return fields;
}

// "2026-11-27T20:31:27+0000", as gcloud's describe writes times.
std::string DescribedTime(const std::string& time) {
  std::string text = SecondsOnly(time);
  if (!text.empty() && text.back() == 'Z') text.replace(text.size() - 1, 1, "+0000");
  return text;
}

// "Fri, 27 Nov 2026 20:31:27 GMT", as gsutil writes them.
std::string HeaderTime(const std::string& time) {
  Result<WallTime> parsed = ParseRfc3339(time);
  if (!parsed.ok()) return time;
  return FormatHttpDate(parsed->unix_nanos / kNanosPerSecond);
}

bool Absent(const Json* value) {
  return value == nullptr || value->is_null() || (value->is_structured() && value->empty());
}

Json Described(const Field& field, const Json& value) {
  std::string text = value.is_string() ? value.get<std::string>() : "";
  if (field.kind == Kind::kTime) return DescribedTime(text);
  if (field.kind == Kind::kNumber && value.is_string()) {
    return std::strtoll(text.c_str(), nullptr, 10);
  }
  return value;
}

Json Shown(const std::vector<Field>& fields, const Json& resource) {
  Json shown = Json::object();
  for (const Field& field : fields) {
    const Json* value = Member(resource, field.path);
    if (!Absent(value)) shown[field.name] = Described(field, *value);
  }
  return shown;
}

std::string Indented(const std::string& text, const std::string& indent) {
  std::string out = indent;
  for (char c : text) out += c == '\n' ? "\n" + indent : std::string(1, c);
  return out;
}

// A member's value on one line; structured ones are for the caller.
std::string LineText(const Field& field, const Json& value, bool gsutil) {
  if (field.kind == Kind::kPresence) return "Present";
  if (field.kind == Kind::kTime) {
    std::string text = value.is_string() ? value.get<std::string>() : "";
    return gsutil ? HeaderTime(text) : SecondsOnly(text);
  }
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  return value.is_string() ? value.get<std::string>() : JsonText(value);
}

std::string GcloudLines(const std::vector<Field>& fields, const Json& resource, bool with_acl) {
  std::string text;
  for (const Field& field : fields) {
    if (field.gcloud_title == nullptr) continue;
    if (!with_acl && std::string_view(field.path) == "acl") continue;
    const Json* value = Member(resource, field.path);
    std::string title = std::string(field.gcloud_title) + ":";
    if (Absent(value)) {
      if (field.gcloud_fallback != nullptr)
        text += fmt::format("  {:<29}{}\n", title, field.gcloud_fallback);
    } else if (field.kind == Kind::kValue && value->is_structured()) {
      text += "  " + title + "\n" + Indented(JsonText(*value, 2), "  ") + "\n";
    } else {
      text += fmt::format("  {:<29}{}\n", title, LineText(field, *value, false));
    }
  }
  return text;
}

std::string GsutilObjectLines(const Json& object, bool with_acl) {
  std::string text;
  auto line = [&](const std::string& label, const std::string& value, size_t indent = 4) {
    text += fmt::format("{:<28}{}\n", std::string(indent, ' ') + label + ":", value);
  };
  for (const Field& field : ObjectFields()) {
    if (field.gsutil_title == nullptr) continue;
    std::string_view path = field.path;
    if (path == "acl" && !with_acl) continue;
    if (path == "timeStorageClassUpdated" &&
        MemberText(object, "timeStorageClassUpdated") == MemberText(object, "timeCreated"))
      continue;
    const Json* value = Member(object, field.path);
    if (Absent(value)) {
      if (field.gsutil_fallback != nullptr) line(field.gsutil_title, field.gsutil_fallback);
    } else if (path == "metadata") {
      line(field.gsutil_title, "");
      for (const auto& [key, one] : value->items())
        line(key, one.is_string() ? one.get<std::string>() : JsonText(one), 8);
    } else if (field.kind == Kind::kBoolean) {
      if (value->is_boolean() && value->get<bool>()) line(field.gsutil_title, "Enabled");
    } else {
      line(field.gsutil_title,
           value->is_structured() ? JsonText(*value, 2) : LineText(field, *value, true));
    }
  }
  return text;
}

// gsutil lines its bucket columns up with tabs.
std::string GsutilBucketLines(const Json& bucket) {
  constexpr size_t kValueColumn = 32;
  constexpr size_t kTab = 8;
  std::string text;
  for (const Field& field : BucketFields()) {
    if (field.gsutil_title == nullptr) continue;
    const Json* value = Member(bucket, field.path);
    if (Absent(value) && field.gsutil_fallback == nullptr) continue;
    std::string title = std::string(field.gsutil_title) + ":";
    if (std::string_view(field.path) == "cors") title += ' ';
    size_t tabs = (kValueColumn - title.size() + kTab - 1) / kTab;
    text += "\t" + title + std::string(tabs, '\t');
    if (Absent(value)) {
      text += field.gsutil_fallback;
    } else if (field.kind == Kind::kValue && value->is_structured()) {
      text += "\n" + Indented(JsonText(*value, 2), "\t  ");
    } else {
      text += LineText(field, *value, true);
    }
    text += "\n";
  }
  return text;
}

}  // namespace

std::string SecondsOnly(const std::string& time) {
  size_t dot = time.find('.');
  return dot == time.npos ? time : time.substr(0, dot) + "Z";
}

Json ShownObject(const Json& object) {
  Json shown = Shown(ObjectFields(), object);
  shown["storage_url"] = fmt::format("gs://{}/{}#{}", MemberText(object, "bucket"),
                                     MemberText(object, "name"), MemberText(object, "generation"));
  return shown;
}

Json ShownBucket(const Json& bucket) {
  Json shown = Shown(BucketFields(), bucket);
  shown["storage_url"] = "gs://" + MemberText(bucket, "name") + "/";
  return shown;
}

std::string LongObject(const Json& object, const std::string& url, bool gsutil, bool with_acl) {
  return url + ":\n" +
         (gsutil ? GsutilObjectLines(object, with_acl)
                 : GcloudLines(ObjectFields(), object, with_acl));
}

std::string LongBucket(const Json& bucket, bool gsutil) {
  std::string url = "gs://" + MemberText(bucket, "name") + "/";
  return gsutil ? url + " :\n" + GsutilBucketLines(bucket)
                : url + ":\n" + GcloudLines(BucketFields(), bucket, true);
}

}  // namespace hodei::cli
