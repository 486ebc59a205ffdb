#include "domain/access/projects.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/random_id.h"
#include "domain/access/record_kinds.h"
#include "google/iam/v1/policy.pb.h"
#include "hodei/access/records.pb.h"

namespace hodei::access {
namespace {

using google::cloud::resourcemanager::v1::Project;

constexpr size_t kMaxNameBytes = 120;   // 30 characters
constexpr size_t kMaxLabelBytes = 252;  // 63 characters

// 12 digits, as the original's numbers have.
int64_t RandomProjectNumber() {
  constexpr uint64_t kFirst = 100'000'000'000;
  uint64_t random = 0;
  const std::string bytes = RandomBytes(sizeof random);
  std::memcpy(&random, bytes.data(), sizeof random);
  return static_cast<int64_t>(kFirst + random % (9 * kFirst));
}

Result<Project> ParseProject(const store::Record& record) {
  Project project;
  if (project.ParseFromString(record.value)) return project;
  return DataLoss(fmt::format("the stored project '{}' cannot be read", record.name));
}

Status ValidateFields(const Project& wanted) {
  if (wanted.name().size() > kMaxNameBytes) {
    return InvalidArgument("A project's name has at most 30 characters.")
        .WithViolation({"name", "too long"});
  }
  if (static_cast<size_t>(wanted.labels_size()) > kMaxProjectLabels) {
    return InvalidArgument(fmt::format("A project has at most {} labels.", kMaxProjectLabels))
        .WithViolation({"labels", "too many"});
  }
  for (const auto& [key, value] : wanted.labels()) {
    if (key.empty() || key.size() > kMaxLabelBytes || value.size() > kMaxLabelBytes) {
      return InvalidArgument("A label's key has 1 to 63 characters, its value at most 63.")
          .WithViolation({"labels", "bad length"});
    }
  }
  return OkStatus();
}

}  // namespace

bool IsProjectId(std::string_view id) {
  if (id.size() < 6 || id.size() > 30 || id.back() == '-') return false;
  return id[0] >= 'a' && id[0] <= 'z' && std::all_of(id.begin(), id.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

NewProject MakeProject(std::string_view id, std::string_view display_name,
                       const std::string& owner_member, WallTime now) {
  NewProject made;
  Project& project = made.project;
  project.set_project_id(std::string(id));
  project.set_project_number(RandomProjectNumber());
  project.set_lifecycle_state(Project::ACTIVE);
  project.set_name(std::string(display_name));
  project.mutable_create_time()->set_seconds(now.unix_nanos / 1'000'000'000);
  project.mutable_create_time()->set_nanos(static_cast<int32_t>(now.unix_nanos % 1'000'000'000));

  ProjectNumber number;
  number.set_project_id(std::string(id));
  google::iam::v1::Policy policy;
  policy.set_version(1);
  auto* const binding = policy.add_bindings();
  binding->set_role("roles/owner");
  binding->add_members(owner_member);

  const auto create = [&](const char* kind, std::string name, std::string value,
                          std::optional<int64_t> expected) {
    made.writes.push_back(
        {store::Write::Op::kPut, kind, std::move(name), std::move(value), expected});
  };
  create(kProjectKind, project.project_id(), project.SerializeAsString(), 0);
  create(kProjectNumberKind, std::to_string(project.project_number()), number.SerializeAsString(),
         0);
  // Whatever is left of an older project of that name gives nobody rights in this one.
  create(kPolicyKind, "projects/" + project.project_id(), policy.SerializeAsString(), std::nullopt);
  return made;
}

Result<Project> Projects::Create(const Project& wanted, const std::string& owner_member) {
  if (!IsProjectId(wanted.project_id())) {
    return InvalidArgument(
               "project_id must be 6 to 30 lowercase letters, digits and hyphens, starting with a "
               "letter and not ending with a hyphen.")
        .WithViolation({"project_id", "bad form"});
  }
  RETURN_IF_ERROR(ValidateFields(wanted));
  ASSIGN_OR_RETURN(const std::vector<Project> present, List());
  if (present.size() >= kMaxProjects) {
    return ResourceExhausted(fmt::format("There are at most {} projects.", kMaxProjects));
  }
  const std::string& name = wanted.name().empty() ? wanted.project_id() : wanted.name();
  NewProject made = MakeProject(wanted.project_id(), name, owner_member, clock_->Now());
  *made.project.mutable_labels() = wanted.labels();
  made.writes[0].value = made.project.SerializeAsString();
  const Status status = store_->Commit(made.writes).status();
  if (status.code() == Code::kAlreadyExists)
    return AlreadyExists("Requested entity already exists");
  RETURN_IF_ERROR(status);
  return made.project;
}

Result<Project> Projects::Get(std::string_view id) {
  ASSIGN_OR_RETURN(const store::Record record, store_->Get(kProjectKind, id));
  return ParseProject(record);
}

Result<std::vector<Project>> Projects::List() {
  ASSIGN_OR_RETURN(const store::ListPage page, store_->List(kProjectKind, {.limit = kMaxProjects}));
  std::vector<Project> projects;
  for (const store::Record& record : page.records) {
    ASSIGN_OR_RETURN(Project project, ParseProject(record));
    projects.push_back(std::move(project));
  }
  return projects;
}

Result<Project> Projects::Update(std::string_view id, const Project& wanted) {
  RETURN_IF_ERROR(ValidateFields(wanted));
  ASSIGN_OR_RETURN(const store::Record record, store_->Get(kProjectKind, id));
  ASSIGN_OR_RETURN(Project project, ParseProject(record));
  if (!wanted.name().empty()) project.set_name(wanted.name());
  *project.mutable_labels() = wanted.labels();
  RETURN_IF_ERROR(store_
                      ->Commit({{store::Write::Op::kPut, kProjectKind, record.name,
                                 project.SerializeAsString(), record.revision}})
                      .status());
  return project;
}

Status Projects::Delete(std::string_view id) {
  return SetState(id, Project::ACTIVE, Project::DELETE_REQUESTED);
}

Status Projects::Undelete(std::string_view id) {
  return SetState(id, Project::DELETE_REQUESTED, Project::ACTIVE);
}

Status Projects::SetState(std::string_view id, Project::LifecycleState from,
                          Project::LifecycleState to) {
  ASSIGN_OR_RETURN(const store::Record record, store_->Get(kProjectKind, id));
  ASSIGN_OR_RETURN(Project project, ParseProject(record));
  if (project.lifecycle_state() != from) {
    return FailedPrecondition(fmt::format("The project is {}, and that needs {}.",
                                          Project::LifecycleState_Name(project.lifecycle_state()),
                                          Project::LifecycleState_Name(from)));
  }
  project.set_lifecycle_state(to);
  return store_
      ->Commit({{store::Write::Op::kPut, kProjectKind, record.name, project.SerializeAsString(),
                 record.revision}})
      .status();
}

}  // namespace hodei::access
