#include "domain/access/policy.h"

#include <fmt/format.h>

#include "domain/access/permission_table.h"
#include "domain/access/record_kinds.h"

namespace hodei::access {
namespace {

using google::iam::v1::Binding;
using google::iam::v1::Policy;

// Base64 "ACAB": what the original answers for a policy that was never set.
constexpr std::string_view kNeverSetEtag("\x00\x20\x01", 3);

// The revision, big endian: clients see it as base64.
std::string EtagOf(int64_t revision) {
  std::string etag(8, '\0');
  for (int i = 0; i < 8; ++i) etag[i] = static_cast<char>(revision >> (56 - 8 * i));
  return etag;
}

Result<int64_t> RevisionOf(std::string_view etag) {
  if (etag == kNeverSetEtag) return 0;
  if (etag.size() != 8) return InvalidArgument("The etag of the policy is not valid.");
  uint64_t revision = 0;
  for (const char c : etag) revision = revision << 8 | static_cast<unsigned char>(c);
  return static_cast<int64_t>(revision);
}

bool IsMember(std::string_view member) {
  if (member == "allUsers" || member == "allAuthenticatedUsers") return true;
  for (const std::string_view kind : {"user:", "serviceAccount:"}) {
    if (!member.starts_with(kind)) continue;
    const std::string_view email = member.substr(kind.size());
    const size_t at = email.find('@');
    return at != 0 && at != std::string_view::npos && at + 1 < email.size() &&
           email.find('@', at + 1) == std::string_view::npos &&
           email.find_first_of(" \t\r\n") == std::string_view::npos;
  }
  return false;
}

Status ValidateBinding(const Binding& binding, int index) {
  const std::string at = fmt::format("policy.bindings[{}]", index);
  if (!RoleByName(binding.role())) {
    return InvalidArgument(
               fmt::format("Role {} is not supported for this resource.", binding.role()))
        .WithViolation({at + ".role", "unknown role"});
  }
  if (binding.has_condition()) {
    return InvalidArgument("Conditions on bindings are not supported.")
        .WithViolation({at + ".condition", "not supported"});
  }
  for (const std::string& member : binding.members()) {
    if (member.size() > kMaxMemberBytes || !IsMember(member)) {
      return InvalidArgument(
                 fmt::format("Invalid value for member ({}). Use user:EMAIL, serviceAccount:EMAIL, "
                             "allUsers or allAuthenticatedUsers.",
                             member.substr(0, kMaxMemberBytes)))
          .WithViolation({at + ".members", "not a member"});
    }
  }
  return OkStatus();
}

}  // namespace

std::string MemberName(std::string_view email) {
  const bool service = email.ends_with(".gserviceaccount.com");
  return fmt::format("{}:{}", service ? "serviceAccount" : "user", email);
}

bool PolicyGrants(const Policy& policy, const Principal& principal, std::string_view permission) {
  if (principal.anonymous) return false;
  const RoleSet sufficient = RolesWith(permission);
  const std::string self = MemberName(principal.email);
  for (const Binding& binding : policy.bindings()) {
    const std::optional<Role> role = RoleByName(binding.role());
    if (!role || !sufficient.Has(*role) || binding.has_condition()) continue;
    for (const std::string& member : binding.members()) {
      if (member == self || member == "allAuthenticatedUsers" || member == "allUsers") return true;
    }
  }
  return false;
}

Status ValidatePolicy(const Policy& policy) {
  if (policy.bindings_size() > kMaxBindings) {
    return InvalidArgument(fmt::format("A policy has at most {} bindings.", kMaxBindings));
  }
  int members = 0;
  for (int i = 0; i < policy.bindings_size(); ++i) {
    RETURN_IF_ERROR(ValidateBinding(policy.bindings(i), i));
    members += policy.bindings(i).members_size();
  }
  if (members > kMaxMembers) {
    return InvalidArgument(fmt::format("A policy has at most {} members.", kMaxMembers));
  }
  return OkStatus();
}

Result<Policy> ReadPolicy(store::MetaStore* store, std::string_view resource) {
  Policy policy;
  const Result<store::Record> record = store->Get(kPolicyKind, resource);
  if (record.status().code() == Code::kNotFound) {
    policy.set_version(1);
    policy.set_etag(std::string(kNeverSetEtag));
    return policy;
  }
  RETURN_IF_ERROR(record.status());
  if (!policy.ParseFromString(record->value)) {
    return DataLoss(fmt::format("the stored policy of '{}' cannot be read", resource));
  }
  policy.set_etag(EtagOf(record->revision));
  return policy;
}

Result<Policy> ReplacePolicy(store::MetaStore* store, std::string_view resource, Policy policy) {
  RETURN_IF_ERROR(ValidatePolicy(policy));
  store::Write write{.kind = kPolicyKind, .name = std::string(resource)};
  if (!policy.etag().empty()) {
    ASSIGN_OR_RETURN(write.expected_revision, RevisionOf(policy.etag()));
  }
  policy.clear_etag();
  policy.set_version(1);
  write.value = policy.SerializeAsString();
  const Result<std::vector<int64_t>> committed = store->Commit({write});
  const Code code = committed.status().code();
  if (code == Code::kAborted || code == Code::kAlreadyExists || code == Code::kNotFound) {
    return Aborted(
        "There were concurrent policy changes. Please retry the whole read-modify-write with "
        "exponential backoff.");
  }
  RETURN_IF_ERROR(committed.status());
  policy.set_etag(EtagOf((*committed)[0]));
  return policy;
}

store::Write GrantAtCreation(std::string_view resource, std::string_view role,
                             const Principal& principal) {
  Policy policy;
  policy.set_version(1);
  if (!principal.emulator) {
    Binding* const binding = policy.add_bindings();
    binding->set_role(std::string(role));
    binding->add_members(MemberName(principal.email));
  }
  return {store::Write::Op::kPut, kPolicyKind, std::string(resource), policy.SerializeAsString(),
          std::nullopt};
}

}  // namespace hodei::access
