#include "service/project_service.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "base/random_id.h"
#include "domain/access/denial.h"
#include "domain/access/policy.h"
#include "service/policy_service.h"
#include "service/project_filter.h"

namespace hodei::service {
namespace {

namespace resourcemanager = google::cloud::resourcemanager::v1;
using google::iam::v1::Policy;
using Project = resourcemanager::Project;

std::string PolicyName(std::string_view project) { return fmt::format("projects/{}", project); }

bool HasOwner(const Policy& policy) {
  return std::any_of(policy.bindings().begin(), policy.bindings().end(), [](const auto& binding) {
    return binding.role() == "roles/owner" && binding.members_size() > 0;
  });
}

// A token is the id of the last project shown: it orders, and what it can reach is checked anew.
Result<std::string> AfterToken(std::string_view token) {
  if (token.empty()) return std::string();
  Result<std::string> id = Base64Decode(token);
  if (!id.ok() || !access::IsProjectId(*id)) {
    return InvalidArgument("The page token is not valid for this request.");
  }
  return id;
}

}  // namespace

Result<std::string> ProjectService::Allowed(const CallContext& call, std::string_view project,
                                            std::string_view permission) const {
  RETURN_IF_ERROR(authorizer_->Check(call.principal, project, permission));
  return authorizer_->ResolveProject(project);
}

Result<resourcemanager::ListProjectsResponse> ProjectService::ListProjects(
    const CallContext& call, const resourcemanager::ListProjectsRequest& request) {
  if (request.page_size() < 0) return InvalidArgument("page_size must not be negative.");
  const int limit =
      request.page_size() == 0 ? kMaxPageSize : std::min(request.page_size(), kMaxPageSize);
  ASSIGN_OR_RETURN(const ProjectFilter filter, ProjectFilter::Parse(request.filter()));
  ASSIGN_OR_RETURN(const std::string after, AfterToken(request.page_token()));
  ASSIGN_OR_RETURN(std::vector<Project> projects, projects_.List());
  resourcemanager::ListProjectsResponse response;
  for (Project& project : projects) {
    if (project.project_id() <= after || !filter.Matches(project)) continue;
    const Status seen =
        authorizer_->Check(call.principal, project.project_id(), "resourcemanager.projects.get");
    if (seen.code() == Code::kPermissionDenied) continue;
    RETURN_IF_ERROR(seen);
    if (response.projects_size() == limit) {
      response.set_next_page_token(Base64UrlEncode(response.projects(limit - 1).project_id()));
      break;
    }
    *response.add_projects() = std::move(project);
  }
  return response;
}

Result<Project> ProjectService::GetProject(const CallContext& call,
                                           const resourcemanager::GetProjectRequest& request) {
  constexpr std::string_view kPermission = "resourcemanager.projects.get";
  ASSIGN_OR_RETURN(const std::string id, Allowed(call, request.project_id(), kPermission));
  Result<Project> project = projects_.Get(id);
  // The emulator may ask for what nobody made; others never get here.
  if (project.status().code() == Code::kNotFound) {
    return access::DeniedCaller(kPermission, access::ProjectResource(request.project_id()));
  }
  return project;
}

Result<google::longrunning::Operation> ProjectService::CreateProject(const CallContext& call,
                                                                     const Project& request) {
  RETURN_IF_ERROR(
      authorizer_->Check(call.principal, home_project_, "resourcemanager.projects.create"));
  ASSIGN_OR_RETURN(const Project project,
                   projects_.Create(request, access::MemberName(call.principal.email)));
  google::longrunning::Operation operation;
  operation.set_name(fmt::format("operations/cp.{}", RandomId(16)));
  operation.set_done(true);
  operation.mutable_response()->PackFrom(project);
  return operation;
}

Result<Project> ProjectService::UpdateProject(
    const CallContext& call, const resourcemanager::UpdateProjectRequest& request) {
  ASSIGN_OR_RETURN(const std::string id,
                   Allowed(call, request.project_id(), "resourcemanager.projects.update"));
  return projects_.Update(id, request.project());
}

Result<google::protobuf::Empty> ProjectService::DeleteProject(
    const CallContext& call, const resourcemanager::DeleteProjectRequest& request) {
  ASSIGN_OR_RETURN(const std::string id,
                   Allowed(call, request.project_id(), "resourcemanager.projects.delete"));
  if (id == home_project_) {
    return FailedPrecondition(
        fmt::format("The project '{}' belongs to the server itself and cannot be deleted.", id));
  }
  RETURN_IF_ERROR(projects_.Delete(id));
  return google::protobuf::Empty();
}

Result<Policy> ProjectService::GetIamPolicy(const CallContext& call,
                                            const google::iam::v1::GetIamPolicyRequest& request) {
  ASSIGN_OR_RETURN(const std::string id,
                   Allowed(call, request.resource(), "resourcemanager.projects.getIamPolicy"));
  return access::ReadPolicy(store_, PolicyName(id));
}

Result<Policy> ProjectService::SetIamPolicy(const CallContext& call,
                                            const google::iam::v1::SetIamPolicyRequest& request) {
  ASSIGN_OR_RETURN(const std::string id,
                   Allowed(call, request.resource(), "resourcemanager.projects.setIamPolicy"));
  ASSIGN_OR_RETURN(const Policy current, access::ReadPolicy(store_, PolicyName(id)));
  Policy wanted = MergePolicy(current, request);
  if (!HasOwner(wanted)) {
    return InvalidArgument(
               "The policy has no member with roles/owner, so nobody could change it again.")
        .WithViolation({"policy.bindings", "no owner"});
  }
  return access::ReplacePolicy(store_, PolicyName(id), std::move(wanted));
}

Result<google::iam::v1::TestIamPermissionsResponse> ProjectService::TestIamPermissions(
    const CallContext& call, const google::iam::v1::TestIamPermissionsRequest& request) {
  return TestPermissions(*authorizer_, call, request.resource(), "", request);
}

Result<google::cloud::ml::v1::GetConfigResponse> ProjectService::GetConfig(
    const CallContext& call, const google::cloud::ml::v1::GetConfigRequest& request) {
  constexpr std::string_view kProjects = "projects/";
  if (!request.name().starts_with(kProjects)) return InvalidArgument("name must be projects/P.");
  const std::string_view asked = std::string_view(request.name()).substr(kProjects.size());
  ASSIGN_OR_RETURN(const std::string id, Allowed(call, asked, "ml.projects.getConfig"));
  const Result<Project> project = projects_.Get(id);
  const int64_t number = project.ok() ? project->project_number() : 0;
  const std::string agent =
      fmt::format("service-{}@cloud-ml.google.com.iam.gserviceaccount.com", number);
  google::cloud::ml::v1::GetConfigResponse response;
  response.set_service_account(agent);
  response.set_service_account_project(number);
  response.mutable_config()->set_tpu_service_account(agent);
  return response;
}

}  // namespace hodei::service
