// Resource Manager v1: projects and their policies. Each method checks the caller itself, also when
// the edge has done so before. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/authorizer.h"
#include "domain/access/projects.h"
#include "google/cloud/ml/v1/location.pb.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "google/iam/v1/policy.pb.h"
#include "google/longrunning/operation.pb.h"
#include "google/protobuf/empty.pb.h"
#include "service/call_context.h"
#include "store/meta/meta_store.h"

namespace hodei::service {

class ProjectService {
 public:
  using Project = google::cloud::resourcemanager::v1::Project;
  static constexpr int kMaxPageSize = 500;

  // `home_project`: the one of the server's owner. Who may create projects is decided there, and it
  // cannot be deleted. The three others must outlive the service.
  ProjectService(store::MetaStore* store, const Clock* clock, const access::Authorizer* authorizer,
                 std::string home_project = "hodei-local")
      : store_(store),
        authorizer_(authorizer),
        projects_(store, clock),
        home_project_(std::move(home_project)) {}

  // What the caller may see. `filter`: terms "field:value" or "field=value", joined by blanks or
  // AND, of lifecycleState, id, projectId, name, projectNumber and labels.KEY; '*' ends a prefix.
  Result<google::cloud::resourcemanager::v1::ListProjectsResponse> ListProjects(
      const CallContext& call,
      const google::cloud::resourcemanager::v1::ListProjectsRequest& request);
  Result<Project> GetProject(const CallContext& call,
                             const google::cloud::resourcemanager::v1::GetProjectRequest& request);
  // Needs resourcemanager.projects.create in the home project. The operation is done when it
  // returns, and its response is the Project.
  Result<google::longrunning::Operation> CreateProject(const CallContext& call,
                                                       const Project& request);
  Result<Project> UpdateProject(
      const CallContext& call,
      const google::cloud::resourcemanager::v1::UpdateProjectRequest& request);
  Result<google::protobuf::Empty> DeleteProject(
      const CallContext& call,
      const google::cloud::resourcemanager::v1::DeleteProjectRequest& request);

  Result<google::iam::v1::Policy> GetIamPolicy(const CallContext& call,
                                               const google::iam::v1::GetIamPolicyRequest& request);
  // Refuses a policy without an owner: nobody could mend it.
  Result<google::iam::v1::Policy> SetIamPolicy(const CallContext& call,
                                               const google::iam::v1::SetIamPolicyRequest& request);
  Result<google::iam::v1::TestIamPermissionsResponse> TestIamPermissions(
      const CallContext& call, const google::iam::v1::TestIamPermissionsRequest& request);

  // ml.projects.getConfig: which account jobs run as.
  Result<google::cloud::ml::v1::GetConfigResponse> GetConfig(
      const CallContext& call, const google::cloud::ml::v1::GetConfigRequest& request);

 private:
  // The id behind id or number, when the caller has the permission there.
  Result<std::string> Allowed(const CallContext& call, std::string_view project,
                              std::string_view permission) const;

  store::MetaStore* const store_;
  const access::Authorizer* const authorizer_;
  access::Projects projects_;
  const std::string home_project_;
};

}  // namespace hodei::service
