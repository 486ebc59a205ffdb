#include "wire/gcs/predefined_acl.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <optional>

namespace hodei::wire::gcs {
namespace {

struct Predefined {
  std::string_view json_name;
  std::string_view xml_name;
  std::string_view public_entity;  // who may read; empty: nobody of the public
};
constexpr std::array<Predefined, 7> kPredefined = {
    {{"private", "private", ""},
     {"projectPrivate", "project-private", ""},
     {"bucketOwnerRead", "bucket-owner-read", ""},
     {"bucketOwnerFullControl", "bucket-owner-full-control", ""},
     {"authenticatedRead", "authenticated-read", "allAuthenticatedUsers"},
     {"publicRead", "public-read", "allUsers"},
     // Nobody writes without a credential here.
     {"publicReadWrite", "public-read-write", "allUsers"}}};

Result<std::string_view> PublicEntity(std::string_view name) {
  for (const Predefined& entry : kPredefined) {
    if (entry.json_name == name || entry.xml_name == name) return entry.public_entity;
  }
  return InvalidArgument(fmt::format("Invalid predefined ACL: {}.", name.substr(0, 60)))
      .WithReason("invalid");
}

Json ListFor(std::string_view entity, std::string_view kind) {
  Json list = Json::array();
  if (!entity.empty()) {
    list.push_back(Json{{"kind", kind}, {"entity", entity}, {"role", "READER"}});
  }
  return list;
}

bool IsUniform(const Bucket& bucket) {
  return bucket.iam_configuration().uniform_bucket_level_access().enabled();
}

}  // namespace

Status CheckPublicEntity(const Bucket& bucket, std::string_view entity) {
  const bool is_public = entity == "allUsers" || entity == "allAuthenticatedUsers";
  if (!is_public || bucket.iam_configuration().public_access_prevention() != "enforced") {
    return OkStatus();
  }
  return FailedPrecondition(
             "The member bindings allUsers and allAuthenticatedUsers are not allowed since public "
             "access prevention is enforced.")
      .WithReason("conditionNotMet");
}

Status ApplyObjectAcl(const Bucket& bucket, std::string_view name, Object* object) {
  if (name.empty()) {
    if (IsUniform(bucket) || object->settings().contains("acl")) return OkStatus();
    const auto defaults = bucket.settings().find("defaultObjectAcl");
    if (defaults != bucket.settings().end()) {
      (*object->mutable_settings())["acl"] = defaults->second;
    }
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const std::string_view entity, PublicEntity(name));
  if (IsUniform(bucket) && !entity.empty()) {
    return InvalidArgument(
               "Cannot insert legacy ACL for an object when uniform bucket-level access is "
               "enabled. Read more at "
               "https://cloud.google.com/storage/docs/uniform-bucket-level-access")
        .WithReason("invalid");
  }
  RETURN_IF_ERROR(CheckPublicEntity(bucket, entity));
  (*object->mutable_settings())["acl"] = ToValue(ListFor(entity, "storage#objectAccessControl"));
  return OkStatus();
}

Status ApplyBucketAcl(std::string_view name, std::string_view default_object_name, Bucket* bucket) {
  const auto apply = [bucket](std::string_view predefined, const char* key,
                              std::string_view kind) -> Status {
    if (predefined.empty()) return OkStatus();
    ASSIGN_OR_RETURN(const std::string_view entity, PublicEntity(predefined));
    RETURN_IF_ERROR(CheckPublicEntity(*bucket, entity));
    (*bucket->mutable_settings())[key] = ToValue(ListFor(entity, kind));
    return OkStatus();
  };
  RETURN_IF_ERROR(apply(name, "acl", "storage#bucketAccessControl"));
  return apply(default_object_name, "defaultObjectAcl", "storage#objectAccessControl");
}

}  // namespace hodei::wire::gcs
