// Projects: ids, numbers and life cycle. Thread-safe; every change is durable when it returns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/principal.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "store/meta/meta_store.h"

namespace hodei::access {

inline constexpr size_t kMaxProjects = 10'000;
inline constexpr size_t kMaxProjectLabels = 64;

// 6 to 30 of [a-z0-9-], a letter first, no hyphen last.
bool IsProjectId(std::string_view id);

// A new project with a number of its own, its `owner_member` ("serviceAccount:E") as owner, and the
// writes that make it, which fail with ALREADY_EXISTS when id or number is taken.
struct NewProject {
  google::cloud::resourcemanager::v1::Project project;
  std::vector<store::Write> writes;
};
NewProject MakeProject(std::string_view id, std::string_view display_name,
                       const std::string& owner_member, WallTime now);

class Projects {
 public:
  using Project = google::cloud::resourcemanager::v1::Project;
  Projects(store::MetaStore* store, const Clock* clock) : store_(store), clock_(clock) {}

  // `owner_member` becomes its owner. Only id, name and labels of `wanted` are used.
  Result<Project> Create(const Project& wanted, const std::string& owner_member);
  // By id, also when it is marked for deletion. NOT_FOUND.
  Result<Project> Get(std::string_view id);
  // All, by id.
  Result<std::vector<Project>> List();
  // Name and labels only.
  Result<Project> Update(std::string_view id, const Project& wanted);
  // FAILED_PRECONDITION when it is not ACTIVE, or not DELETE_REQUESTED for Undelete.
  Status Delete(std::string_view id);
  Status Undelete(std::string_view id);

 private:
  Status SetState(std::string_view id, Project::LifecycleState from, Project::LifecycleState to);
  store::MetaStore* const store_;
  const Clock* const clock_;
};

}  // namespace hodei::access
