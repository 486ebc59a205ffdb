#include "domain/access/bucket_access.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "domain/access/denial.h"
#include "domain/access/permission_table.h"
#include "domain/access/policy.h"

namespace hodei::access {
namespace {

using google::protobuf::ListValue;
using google::protobuf::Struct;
using google::protobuf::Value;

// What "allUsers" can ever give.
bool IsPublicRead(std::string_view permission) {
  return permission == "storage.objects.get" || permission == "storage.objects.list" ||
         permission == "storage.buckets.get";
}

bool IsPublicMember(std::string_view member) {
  return member == "allUsers" || member == "allAuthenticatedUsers";
}

bool IsPrevented(const Bucket& bucket) {
  return bucket.iam_configuration().public_access_prevention() == "enforced";
}

const Value* Field(const Struct& object, const std::string& name) {
  const auto it = object.fields().find(name);
  return it == object.fields().end() ? nullptr : &it->second;
}

std::string_view Text(const Struct& object, const std::string& name) {
  const Value* value = Field(object, name);
  return value == nullptr ? std::string_view() : std::string_view(value->string_value());
}

const ListValue& List(const Struct& object, const std::string& name) {
  static const ListValue kEmpty;
  const Value* value = Field(object, name);
  return value == nullptr ? kEmpty : value->list_value();
}

bool HasCondition(const Struct& binding) {
  const Value* value = Field(binding, "condition");
  return value != nullptr && value->kind_case() != Value::kNullValue;
}

// Whether being one of the public gives `principal` the read.
bool IsOneOf(std::string_view public_member, const Principal& principal) {
  return public_member == "allUsers" ||
         (public_member == "allAuthenticatedUsers" && !principal.anonymous);
}

bool MemberMatches(const Bucket& bucket, const std::string& member, const std::string& self,
                   const Principal& principal, std::string_view permission) {
  if (IsPublicMember(member)) {
    return IsPublicRead(permission) && !IsPrevented(bucket) && IsOneOf(member, principal);
  }
  return !principal.anonymous && principal.job.empty() && member == self;
}

bool PolicyDocumentGrants(const Bucket& bucket, const Principal& principal,
                          std::string_view permission) {
  if (!bucket.has_iam_policy()) return false;
  const RoleSet sufficient = RolesWith(permission);
  const std::string self = MemberName(principal.email);
  for (const Value& item : List(bucket.iam_policy(), "bindings").values()) {
    const Struct& binding = item.struct_value();
    const std::optional<Role> role = RoleByName(Text(binding, "role"));
    if (!role || !sufficient.Has(*role) || HasCondition(binding)) continue;
    for (const Value& member : List(binding, "members").values()) {
      if (MemberMatches(bucket, member.string_value(), self, principal, permission)) return true;
    }
  }
  return false;
}

// An access list as the API has it: [{"entity": "allUsers", "role": "READER"}, …].
bool ListIsPublic(const google::protobuf::Map<std::string, Value>& settings,
                  const Principal& principal) {
  const auto it = settings.find("acl");
  if (it == settings.end()) return false;
  for (const Value& item : it->second.list_value().values()) {
    const std::string_view entity = Text(item.struct_value(), "entity");
    if (IsPublicMember(entity) && IsOneOf(entity, principal)) return true;
  }
  return false;
}

bool ListsCount(const Bucket& bucket) {
  return !bucket.iam_configuration().uniform_bucket_level_access().enabled() &&
         !IsPrevented(bucket);
}

// Everything that Cloud Storage takes for a member; only those in PolicyDocumentGrants() give
// somebody something here.
bool IsMember(std::string_view member) {
  if (IsPublicMember(member)) return true;
  constexpr std::array<std::string_view, 8> kKinds = {
      "user:",         "serviceAccount:", "group:",         "domain:",
      "projectOwner:", "projectEditor:",  "projectViewer:", "deleted:"};
  return std::any_of(kKinds.begin(), kKinds.end(), [member](std::string_view kind) {
    return member.starts_with(kind) && member.size() > kind.size();
  });
}

Status Invalid(std::string message) {
  return InvalidArgument(std::move(message)).WithReason("invalid");
}

Status ValidateBinding(const Bucket& bucket, const Struct& binding, int* members) {
  const std::string_view role = Text(binding, "role");
  if (!RoleByName(role)) {
    return Invalid(fmt::format("Role {} is not supported for this resource.", role.substr(0, 100)));
  }
  if (HasCondition(binding)) return Invalid("Conditions on bindings are not supported.");
  for (const Value& member : List(binding, "members").values()) {
    const std::string& name = member.string_value();
    if (++*members > kMaxMembers) {
      return Invalid(fmt::format("A policy has at most {} members.", kMaxMembers));
    }
    if (name.size() > kMaxMemberBytes || !IsMember(name)) {
      return Invalid(fmt::format("Invalid value for member ({}).", name.substr(0, 100)));
    }
    if (IsPublicMember(name) && IsPrevented(bucket)) {
      return FailedPrecondition(
                 "The member bindings allUsers and allAuthenticatedUsers are not allowed since "
                 "public access prevention is enforced.")
          .WithReason("conditionNotMet");
    }
  }
  return OkStatus();
}

}  // namespace

Status CheckBucket(const Authorizer& authorizer, const Principal& principal, const Bucket& bucket,
                   std::string_view permission) {
  Status by_project = UnauthenticatedCaller();
  if (!principal.anonymous) {
    by_project = authorizer.CheckResource(principal, bucket.project_id(),
                                          fmt::format("buckets/{}", bucket.name()), permission);
    if (by_project.ok() || by_project.code() != Code::kPermissionDenied) return by_project;
  }
  if (PolicyDocumentGrants(bucket, principal, permission)) return OkStatus();
  // A public reader of the bucket's list may list it; its objects have lists of their own.
  const bool by_list =
      (permission == "storage.objects.list" || permission == "storage.buckets.get") &&
      ListsCount(bucket) && ListIsPublic(bucket.settings(), principal);
  return by_list ? OkStatus() : by_project;
}

bool IsPublicObject(const Principal& principal, const Bucket& bucket, const Object& object) {
  return ListsCount(bucket) && ListIsPublic(object.settings(), principal);
}

Status ValidateBucketPolicy(const Bucket& bucket, const Struct& policy) {
  const Value* bindings = Field(policy, "bindings");
  if (bindings == nullptr) return OkStatus();
  if (bindings->kind_case() != Value::kListValue) {
    return Invalid("Invalid value for field 'bindings'.");
  }
  if (bindings->list_value().values_size() > kMaxBindings) {
    return Invalid(fmt::format("A policy has at most {} bindings.", kMaxBindings));
  }
  int members = 0;
  for (const Value& binding : bindings->list_value().values()) {
    RETURN_IF_ERROR(ValidateBinding(bucket, binding.struct_value(), &members));
  }
  return OkStatus();
}

}  // namespace hodei::access
