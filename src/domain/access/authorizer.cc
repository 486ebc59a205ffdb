#include "domain/access/authorizer.h"

#include <algorithm>

#include "domain/access/denial.h"
#include "domain/access/permission_table.h"
#include "domain/access/policy.h"
#include "domain/access/record_cache.h"
#include "domain/access/record_kinds.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "google/iam/v1/policy.pb.h"
#include "hodei/access/records.pb.h"

namespace hodei::access {
namespace {

using google::cloud::resourcemanager::v1::Project;

bool IsNumber(std::string_view text) {
  return !text.empty() && text.size() <= 19 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "projects/P/jobs/J" → "P".
std::string_view ProjectOfJob(std::string_view job) {
  constexpr std::string_view kProjects = "projects/";
  if (!job.starts_with(kProjects)) return {};
  job.remove_prefix(kProjects.size());
  return job.substr(0, job.find('/'));
}

class StoredAuthorizer : public Authorizer {
 public:
  explicit StoredAuthorizer(store::MetaStore* store)
      : projects_(store, kProjectKind),
        numbers_(store, kProjectNumberKind),
        policies_(store, kPolicyKind) {}

  Status CheckResource(const Principal& principal, std::string_view project,
                       std::string_view resource, std::string_view permission) const override {
    if (principal.emulator) return OkStatus();
    ASSIGN_OR_RETURN(const std::string id, ResolveProject(project));
    Result<bool> allowed = principal.job.empty() ? IsAllowed(principal, id, resource, permission)
                                                 : JobIsAllowed(principal, id, permission);
    RETURN_IF_ERROR(allowed.status());
    if (*allowed) return OkStatus();
    return DeniedCaller(permission, resource.empty() ? ProjectResource(project) : resource);
  }

  Result<std::string> ResolveProject(std::string_view id_or_number) const override {
    if (!IsNumber(id_or_number)) return std::string(id_or_number);
    const auto found = numbers_.Get(id_or_number);
    if (found.status().code() == Code::kNotFound) return std::string(id_or_number);
    RETURN_IF_ERROR(found.status());
    return (*found)->project_id();
  }

 private:
  // A job acts in its own project only, whether or not the project is in the store: the emulator
  // knows jobs of projects that nobody made.
  static Result<bool> JobIsAllowed(const Principal& principal, std::string_view project,
                                   std::string_view permission) {
    return !project.empty() && ProjectOfJob(principal.job) == project &&
           RolesWith(permission).Has(Role::kJob);
  }

  Result<bool> IsAllowed(const Principal& principal, const std::string& project,
                         std::string_view resource, std::string_view permission) const {
    const auto found = projects_.Get(project);
    if (found.status().code() == Code::kNotFound) return false;
    RETURN_IF_ERROR(found.status());
    // Who deleted a project may look at it and take it back, nothing else.
    const bool active = (*found)->lifecycle_state() == Project::ACTIVE;
    if (!active && permission != "resourcemanager.projects.get" &&
        permission != "resourcemanager.projects.undelete") {
      return false;
    }
    ASSIGN_OR_RETURN(const bool by_project, Grants("projects/" + project, principal, permission));
    if (by_project || resource.empty()) return by_project;
    return Grants(resource, principal, permission);
  }

  Result<bool> Grants(std::string_view resource, const Principal& principal,
                      std::string_view permission) const {
    const auto policy = policies_.Get(resource);
    if (policy.status().code() == Code::kNotFound) return false;
    RETURN_IF_ERROR(policy.status());
    return PolicyGrants(**policy, principal, permission);
  }

  const RecordCache<Project> projects_;
  const RecordCache<hodei::access::ProjectNumber> numbers_;
  const RecordCache<google::iam::v1::Policy> policies_;
};

}  // namespace

std::unique_ptr<Authorizer> MakeAuthorizer(store::MetaStore* store) {
  return std::make_unique<StoredAuthorizer>(store);
}

}  // namespace hodei::access
