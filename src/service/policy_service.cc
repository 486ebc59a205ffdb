#include "service/policy_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "domain/access/policy.h"

namespace hodei::service {
namespace {

using google::iam::v1::Policy;

// "projects/P/jobs/J" taken apart.
struct ResourceName {
  std::string project;
  std::string kind;        // "job": the store's word
  std::string collection;  // "jobs"
  std::string name;        // with the project's id
};

// `resource` as sent, with the project's number turned into its id.
Result<ResourceName> ParseResource(const access::Authorizer& authorizer,
                                   std::string_view resource) {
  const Status bad = InvalidArgument("resource must be projects/P/jobs/J or projects/P/models/M.");
  constexpr std::string_view kProjects = "projects/";
  if (!resource.starts_with(kProjects)) return bad;
  resource.remove_prefix(kProjects.size());
  const size_t first = resource.find('/');
  const size_t second = first == std::string_view::npos ? first : resource.find('/', first + 1);
  if (first == 0 || second == std::string_view::npos || second + 1 == resource.size() ||
      resource.find('/', second + 1) != std::string_view::npos) {
    return bad;
  }
  ResourceName parsed;
  parsed.collection = resource.substr(first + 1, second - first - 1);
  if (parsed.collection != "jobs" && parsed.collection != "models") return bad;
  parsed.kind = parsed.collection.substr(0, parsed.collection.size() - 1);
  ASSIGN_OR_RETURN(parsed.project, authorizer.ResolveProject(resource.substr(0, first)));
  parsed.name = fmt::format("projects/{}/{}/{}", parsed.project, parsed.collection,
                            resource.substr(second + 1));
  return parsed;
}

// OK when the caller has "ml.<collection>.<verb>" there and the resource exists.
Result<ResourceName> Allowed(store::MetaStore* store, const access::Authorizer& authorizer,
                             const CallContext& call, std::string_view resource,
                             std::string_view verb) {
  ASSIGN_OR_RETURN(ResourceName parsed, ParseResource(authorizer, resource));
  RETURN_IF_ERROR(authorizer.CheckResource(call.principal, parsed.project, parsed.name,
                                           fmt::format("ml.{}.{}", parsed.collection, verb)));
  const Status present = store->Get(parsed.kind, parsed.name).status();
  if (present.code() == Code::kNotFound) {
    return NotFound(fmt::format("The resource '{}' was not found.", parsed.name));
  }
  RETURN_IF_ERROR(present);
  return parsed;
}

}  // namespace

Policy MergePolicy(const Policy& current, const google::iam::v1::SetIamPolicyRequest& request) {
  const auto& paths = request.update_mask().paths();
  const auto named = [&](std::string_view field) {
    return std::find(paths.begin(), paths.end(), field) != paths.end();
  };
  Policy wanted = current;
  if (paths.empty() || named("bindings")) {
    *wanted.mutable_bindings() = request.policy().bindings();
  }
  if (named("audit_configs") || named("auditConfigs")) {
    *wanted.mutable_audit_configs() = request.policy().audit_configs();
  }
  // An etag that the caller sent must match; one that was only read here must not be asked for.
  wanted.set_etag(request.policy().etag());
  return wanted;
}

Result<google::iam::v1::TestIamPermissionsResponse> TestPermissions(
    const access::Authorizer& authorizer, const CallContext& call, std::string_view project,
    std::string_view resource, const google::iam::v1::TestIamPermissionsRequest& request) {
  if (request.permissions_size() > kMaxTestedPermissions) {
    return InvalidArgument(
        fmt::format("At most {} permissions can be tested at once.", kMaxTestedPermissions));
  }
  google::iam::v1::TestIamPermissionsResponse response;
  for (const std::string& permission : request.permissions()) {
    if (permission.find('*') != std::string::npos) {
      return InvalidArgument("Permissions with wildcards cannot be tested.");
    }
    const Status status = authorizer.CheckResource(call.principal, project, resource, permission);
    if (status.ok()) {
      response.add_permissions(permission);
    } else if (status.code() != Code::kPermissionDenied) {
      return status;
    }
  }
  return response;
}

Result<Policy> PolicyService::GetIamPolicy(const CallContext& call,
                                           const google::iam::v1::GetIamPolicyRequest& request) {
  ASSIGN_OR_RETURN(const ResourceName resource,
                   Allowed(store_, *authorizer_, call, request.resource(), "getIamPolicy"));
  return access::ReadPolicy(store_, resource.name);
}

Result<Policy> PolicyService::SetIamPolicy(const CallContext& call,
                                           const google::iam::v1::SetIamPolicyRequest& request) {
  ASSIGN_OR_RETURN(const ResourceName resource,
                   Allowed(store_, *authorizer_, call, request.resource(), "setIamPolicy"));
  ASSIGN_OR_RETURN(const Policy current, access::ReadPolicy(store_, resource.name));
  return access::ReplacePolicy(store_, resource.name, MergePolicy(current, request));
}

Result<google::iam::v1::TestIamPermissionsResponse> PolicyService::TestIamPermissions(
    const CallContext& call, const google::iam::v1::TestIamPermissionsRequest& request) {
  ASSIGN_OR_RETURN(const ResourceName resource, ParseResource(*authorizer_, request.resource()));
  return TestPermissions(*authorizer_, call, resource.project, resource.name, request);
}

}  // namespace hodei::service
