// Projects, accounts and policies over the real authorizer: every method against every sort of
// caller, and what each does for those who may.
#include <gmock/gmock.h>

#include <functional>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/accounts.h"
#include "domain/access/authorizer.h"
#include "domain/access/key_file.h"
#include "domain/access/policy.h"
#include "domain/access/projects.h"
#include "domain/access/rsa_key.h"
#include "service/iam_service.h"
#include "service/policy_service.h"
#include "service/project_filter.h"
#include "service/project_service.h"
#include "store/meta/meta_store.h"

namespace hodei::service {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace iam = google::iam::admin::v1;
namespace resourcemanager = google::cloud::resourcemanager::v1;
using google::iam::v1::Policy;

class AccessServicesTest : public ::testing::Test {
 protected:
  AccessServicesTest() {
    owner_ = access::ServiceAccountEmail("hodei-owner", "hodei-local");
    Add("hodei-local", owner_);
    Add("project-b", "stranger@example.com");
    Add("project-gone", owner_);
    EXPECT_THAT(projects_.Delete("project-gone"), IsOk());
    EXPECT_THAT(store_->Commit({{store::Write::Op::kPut, "job", "projects/hodei-local/jobs/j", "",
                                 std::nullopt}}),
                IsOk());
    Policy policy = *access::ReadPolicy(store_.get(), "projects/hodei-local");
    for (const auto& [role, member] : {std::pair("roles/editor", "user:editor@example.com"),
                                       std::pair("roles/viewer", "user:viewer@example.com")}) {
      auto* const binding = policy.add_bindings();
      binding->set_role(role);
      binding->add_members(member);
    }
    EXPECT_THAT(access::ReplacePolicy(store_.get(), "projects/hodei-local", policy), IsOk());
    EXPECT_THAT(access::Accounts(store_.get(), &clock_).Create("alice-1", "hodei-local", "", ""),
                IsOk());
  }

  void Add(const std::string& id, const std::string& owner) {
    resourcemanager::Project wanted;
    wanted.set_project_id(id);
    ASSERT_THAT(projects_.Create(wanted, access::MemberName(owner)), IsOk());
  }
  static CallContext As(std::string email) {
    return {.principal = {.email = std::move(email)}, .request_id = "r"};
  }
  CallContext Owner() const { return As(owner_); }
  static std::string Ids(const Result<resourcemanager::ListProjectsResponse>& response) {
    if (!response.ok()) return response.status().ToString();
    std::string out;
    for (const auto& project : response->projects()) out += project.project_id() + " ";
    return out;
  }

  FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  std::unique_ptr<access::Authorizer> authorizer_ = access::MakeAuthorizer(store_.get());
  access::Projects projects_{store_.get(), &clock_};
  std::string owner_;
  ProjectService project_service_{store_.get(), &clock_, authorizer_.get()};
  PolicyService policy_service_{store_.get(), authorizer_.get()};
  IamService iam_service_{store_.get(), &clock_, authorizer_.get(),
                          "hodei-owner@hodei-local.iam.gserviceaccount.com"};
};

template <typename Request>
Request Named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}
template <typename Request>
Request ForProject(const std::string& id) {
  Request request;
  request.set_project_id(id);
  return request;
}
template <typename Request>
Request ForResource(const std::string& resource) {
  Request request;
  request.set_resource(resource);
  return request;
}

// T5: routes × callers. What a stranger sees of a project is what he sees of none.
TEST_F(AccessServicesTest, EveryMethodDeniesByDefault) {
  using Call = std::function<Status(const CallContext&, const std::string& project)>;
  using google::iam::v1::GetIamPolicyRequest;
  using google::iam::v1::SetIamPolicyRequest;
  struct Row {
    const char* name;
    Call call;
    bool editor, viewer;  // whether these get past the check
  };
  const auto account = [](const std::string& project) {
    return "projects/" + project + "/serviceAccounts/none@none.iam.gserviceaccount.com";
  };
  const std::vector<Row> table = {
      {"projects.get",
       [&](const CallContext& c, const std::string& p) {
         return project_service_.GetProject(c, ForProject<resourcemanager::GetProjectRequest>(p))
             .status();
       },
       true, true},
      {"projects.update",
       [&](const CallContext& c, const std::string& p) {
         return project_service_
             .UpdateProject(c, ForProject<resourcemanager::UpdateProjectRequest>(p))
             .status();
       },
       false, false},
      {"projects.getIamPolicy",
       [&](const CallContext& c, const std::string& p) {
         return project_service_.GetIamPolicy(c, ForResource<GetIamPolicyRequest>(p)).status();
       },
       true, true},
      {"projects.setIamPolicy",
       [&](const CallContext& c, const std::string& p) {
         return project_service_.SetIamPolicy(c, ForResource<SetIamPolicyRequest>(p)).status();
       },
       false, false},
      {"ml.getConfig",
       [&](const CallContext& c, const std::string& p) {
         return project_service_
             .GetConfig(c, Named<google::cloud::ml::v1::GetConfigRequest>("projects/" + p))
             .status();
       },
       true, true},
      {"jobs.getIamPolicy",
       [&](const CallContext& c, const std::string& p) {
         return policy_service_
             .GetIamPolicy(c, ForResource<GetIamPolicyRequest>("projects/" + p + "/jobs/j"))
             .status();
       },
       true, true},
      {"jobs.setIamPolicy",
       [&](const CallContext& c, const std::string& p) {
         return policy_service_
             .SetIamPolicy(c, ForResource<SetIamPolicyRequest>("projects/" + p + "/jobs/j"))
             .status();
       },
       false, false},
      {"serviceAccounts.list",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_
             .ListServiceAccounts(c, Named<iam::ListServiceAccountsRequest>("projects/" + p))
             .status();
       },
       true, true},
      {"serviceAccounts.create",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_
             .CreateServiceAccount(c, Named<iam::CreateServiceAccountRequest>("projects/" + p))
             .status();
       },
       false, false},
      {"serviceAccounts.get",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_.GetServiceAccount(c, Named<iam::ServiceAccountRequest>(account(p)))
             .status();
       },
       true, true},
      {"serviceAccounts.delete",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_.DeleteServiceAccount(c, Named<iam::ServiceAccountRequest>(account(p)))
             .status();
       },
       false, false},
      {"serviceAccounts.disable",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_.DisableServiceAccount(c, Named<iam::ServiceAccountRequest>(account(p)))
             .status();
       },
       false, false},
      {"keys.create",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_
             .CreateServiceAccountKey(c, Named<iam::CreateServiceAccountKeyRequest>(account(p)))
             .status();
       },
       false, false},
      {"keys.list",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_
             .ListServiceAccountKeys(c, Named<iam::ListServiceAccountKeysRequest>(account(p)))
             .status();
       },
       true, true},
      {"keys.delete",
       [&](const CallContext& c, const std::string& p) {
         return iam_service_
             .DeleteServiceAccountKey(
                 c, Named<iam::DeleteServiceAccountKeyRequest>(account(p) + "/keys/k"))
             .status();
       },
       false, false},
      {"projects.delete",
       [&](const CallContext& c, const std::string& p) {
         return project_service_
             .DeleteProject(c, ForProject<resourcemanager::DeleteProjectRequest>(p))
             .status();
       },
       false, false},
  };
  const auto denied = [](const Status& status) { return status.code() == Code::kPermissionDenied; };
  const auto without = [](std::string message, const std::string& project) {
    const size_t at = message.find(project);
    return at == std::string::npos ? message : message.replace(at, project.size(), "P");
  };
  for (const Row& row : table) {
    const CallContext nobody = As("nobody@example.com");
    for (const std::string project : {"hodei-local", "project-b", "project-gone", "never-was"}) {
      EXPECT_TRUE(denied(row.call(nobody, project))) << row.name << " " << project;
      EXPECT_EQ(without(row.call(nobody, project).message(), project),
                without(row.call(nobody, "never-was").message(), "never-was"))
          << row.name;
    }
    EXPECT_TRUE(denied(row.call(Owner(), "project-b"))) << row.name;
    EXPECT_TRUE(denied(row.call(Owner(), "never-was"))) << row.name;
    EXPECT_FALSE(denied(row.call(Owner(), "hodei-local"))) << row.name;
    EXPECT_EQ(!denied(row.call(As("editor@example.com"), "hodei-local")), row.editor) << row.name;
    EXPECT_EQ(!denied(row.call(As("viewer@example.com"), "hodei-local")), row.viewer) << row.name;
    CallContext job = As("job@example.com");
    job.principal.job = "projects/hodei-local/jobs/j";
    EXPECT_TRUE(denied(row.call(job, "project-b"))) << row.name;
  }
}

TEST_F(AccessServicesTest, ListsWhatTheCallerMaySee) {
  resourcemanager::ListProjectsRequest request;
  EXPECT_EQ(Ids(project_service_.ListProjects(Owner(), request)), "hodei-local project-gone ");
  request.set_filter("lifecycleState:ACTIVE");
  request.set_page_size(500);
  EXPECT_EQ(Ids(project_service_.ListProjects(Owner(), request)), "hodei-local ");
  EXPECT_EQ(Ids(project_service_.ListProjects(As("stranger@example.com"), request)), "project-b ");
  EXPECT_EQ(Ids(project_service_.ListProjects(As("nobody@example.com"), request)), "");
  request.set_filter("made_up:x");
  EXPECT_THAT(project_service_.ListProjects(Owner(), request), StatusIs(Code::kInvalidArgument));
}

TEST_F(AccessServicesTest, PagesOfProjectsMeet) {
  for (int i = 0; i < 5; ++i) Add("page-" + std::to_string(i), owner_);
  resourcemanager::ListProjectsRequest request;
  request.set_filter("id:page-*");
  request.set_page_size(2);
  std::string all;
  for (int pages = 0; pages < 3; ++pages) {
    ASSERT_OK_AND_ASSIGN(const auto page, project_service_.ListProjects(Owner(), request));
    all += Ids(page) + "|";
    request.set_page_token(page.next_page_token());
  }
  EXPECT_EQ(all, "page-0 page-1 |page-2 page-3 |page-4 |");
  EXPECT_EQ(request.page_token(), "");
  request.set_page_token("../..");
  EXPECT_THAT(project_service_.ListProjects(Owner(), request), StatusIs(Code::kInvalidArgument));
  request.clear_page_token();
  request.set_page_size(-1);
  EXPECT_THAT(project_service_.ListProjects(Owner(), request), StatusIs(Code::kInvalidArgument));
}

TEST_F(AccessServicesTest, AProjectAnswersToItsNumber) {
  ASSERT_OK_AND_ASSIGN(const auto project, projects_.Get("hodei-local"));
  ASSERT_OK_AND_ASSIGN(
      const auto found,
      project_service_.GetProject(Owner(), ForProject<resourcemanager::GetProjectRequest>(
                                               std::to_string(project.project_number()))));
  EXPECT_EQ(found.project_id(), "hodei-local");
  ASSERT_OK_AND_ASSIGN(
      const auto config,
      project_service_.GetConfig(
          Owner(), Named<google::cloud::ml::v1::GetConfigRequest>("projects/hodei-local")));
  EXPECT_EQ(config.service_account_project(), project.project_number());
}

TEST_F(AccessServicesTest, CreatesProjectsForTheOwnerOnly) {
  resourcemanager::Project wanted;
  wanted.set_project_id("fresh-project");
  EXPECT_THAT(project_service_.CreateProject(As("editor@example.com"), wanted),
              StatusIs(Code::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(const auto operation, project_service_.CreateProject(Owner(), wanted));
  EXPECT_TRUE(operation.done());
  resourcemanager::Project made;
  ASSERT_TRUE(operation.response().UnpackTo(&made));
  EXPECT_EQ(made.name(), "fresh-project");
  EXPECT_THAT(authorizer_->Check(Owner().principal, "fresh-project", "ml.jobs.create"), IsOk());
  EXPECT_THAT(project_service_.CreateProject(Owner(), wanted), StatusIs(Code::kAlreadyExists));
  for (const char* id : {"", "x", "UPPER-CASE", "../../etc", "a b c d e f", "ends-in-"}) {
    wanted.set_project_id(id);
    EXPECT_THAT(project_service_.CreateProject(Owner(), wanted), StatusIs(Code::kInvalidArgument))
        << id;
  }
}

TEST_F(AccessServicesTest, TheServersOwnProjectStays) {
  EXPECT_THAT(project_service_.DeleteProject(
                  Owner(), ForProject<resourcemanager::DeleteProjectRequest>("hodei-local")),
              StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(iam_service_.DeleteServiceAccount(
                  Owner(), Named<iam::ServiceAccountRequest>(
                               "projects/hodei-local/serviceAccounts/" + owner_)),
              ::testing::Not(IsOk()));
}

TEST_F(AccessServicesTest, SetIamPolicyHonoursMaskAndEtagAndKeepsAnOwner) {
  google::iam::v1::SetIamPolicyRequest request;
  request.set_resource("hodei-local");
  EXPECT_THAT(project_service_.SetIamPolicy(Owner(), request),
              StatusIs(Code::kInvalidArgument, HasSubstr("roles/owner")));
  ASSERT_OK_AND_ASSIGN(
      *request.mutable_policy(),
      project_service_.GetIamPolicy(
          Owner(), ForResource<google::iam::v1::GetIamPolicyRequest>("hodei-local")));
  const Policy before = request.policy();
  auto* const binding = request.mutable_policy()->add_bindings();
  binding->set_role("roles/ml.viewer");
  binding->add_members("user:new@example.com");
  request.mutable_update_mask()->add_paths("bindings");
  request.mutable_update_mask()->add_paths("etag");
  ASSERT_THAT(project_service_.SetIamPolicy(Owner(), request), IsOk());
  EXPECT_THAT(authorizer_->Check({.email = "new@example.com"}, "hodei-local", "ml.jobs.get"),
              IsOk());
  EXPECT_THAT(project_service_.SetIamPolicy(Owner(), request), StatusIs(Code::kAborted));
  // A mask without bindings leaves them.
  request.mutable_update_mask()->clear_paths();
  request.mutable_update_mask()->add_paths("audit_configs");
  *request.mutable_policy() = Policy();
  ASSERT_OK_AND_ASSIGN(const Policy after, project_service_.SetIamPolicy(Owner(), request));
  EXPECT_EQ(after.bindings_size(), before.bindings_size() + 1);
}

TEST_F(AccessServicesTest, TestsPermissions) {
  google::iam::v1::TestIamPermissionsRequest request;
  request.set_resource("hodei-local");
  for (const char* permission : {"ml.jobs.get", "ml.jobs.create", "made.up"}) {
    request.add_permissions(permission);
  }
  ASSERT_OK_AND_ASSIGN(const auto viewer,
                       project_service_.TestIamPermissions(As("viewer@example.com"), request));
  EXPECT_THAT(viewer.permissions(), ElementsAre("ml.jobs.get"));
  request.set_resource("projects/hodei-local/jobs/j");
  ASSERT_OK_AND_ASSIGN(const auto owner, policy_service_.TestIamPermissions(Owner(), request));
  EXPECT_THAT(owner.permissions(), ElementsAre("ml.jobs.get", "ml.jobs.create"));
  request.add_permissions("ml.*");
  EXPECT_THAT(policy_service_.TestIamPermissions(Owner(), request),
              StatusIs(Code::kInvalidArgument));
  for (int i = 0; i <= kMaxTestedPermissions; ++i) request.add_permissions("ml.jobs.get");
  EXPECT_THAT(policy_service_.TestIamPermissions(Owner(), request),
              StatusIs(Code::kInvalidArgument));
}

TEST_F(AccessServicesTest, PoliciesOfJobs) {
  using google::iam::v1::GetIamPolicyRequest;
  ASSERT_OK_AND_ASSIGN(const Policy never,
                       policy_service_.GetIamPolicy(Owner(), ForResource<GetIamPolicyRequest>(
                                                                 "projects/hodei-local/jobs/j")));
  EXPECT_EQ(never.etag(), std::string("\x00\x20\x01", 3));
  EXPECT_THAT(policy_service_.GetIamPolicy(
                  Owner(), ForResource<GetIamPolicyRequest>("projects/hodei-local/jobs/none")),
              StatusIs(Code::kNotFound));
  for (const char* bad :
       {"", "hodei-local", "projects/hodei-local", "projects//jobs/j", "projects/hodei-local/jobs/",
        "projects/hodei-local/jobs/a/b", "projects/hodei-local/secrets/s"}) {
    EXPECT_THAT(policy_service_.GetIamPolicy(Owner(), ForResource<GetIamPolicyRequest>(bad)),
                StatusIs(Code::kInvalidArgument))
        << bad;
  }
}

TEST_F(AccessServicesTest, AccountsAndKeysLiveAndDie) {
  iam_service_.SetServerUrl("http://127.0.0.1:8080");
  auto create = Named<iam::CreateServiceAccountRequest>("projects/hodei-local");
  create.set_account_id("robot-1");
  ASSERT_OK_AND_ASSIGN(const auto account, iam_service_.CreateServiceAccount(Owner(), create));
  EXPECT_EQ(account.email(), "robot-1@hodei-local.iam.gserviceaccount.com");
  ASSERT_OK_AND_ASSIGN(const auto key,
                       iam_service_.CreateServiceAccountKey(
                           Owner(), Named<iam::CreateServiceAccountKeyRequest>(account.name())));
  ASSERT_OK_AND_ASSIGN(const auto file, access::ParseKeyFile(key.private_key_data()));
  EXPECT_EQ(file.client_email, account.email());
  EXPECT_THAT(access::PublicHalf(file.private_key_pem), IsOk());
  const auto list = Named<iam::ListServiceAccountKeysRequest>(account.name());
  ASSERT_OK_AND_ASSIGN(const auto keys, iam_service_.ListServiceAccountKeys(Owner(), list));
  ASSERT_EQ(keys.keys_size(), 1);
  EXPECT_EQ(keys.keys(0).private_key_data(), "") << "given once";
  EXPECT_THAT(iam_service_.DeleteServiceAccountKey(
                  Owner(), Named<iam::DeleteServiceAccountKeyRequest>(key.name())),
              IsOk());
  EXPECT_EQ(iam_service_.ListServiceAccountKeys(Owner(), list)->keys_size(), 0);
  // By "-", as clients write when they know only the address.
  const auto any =
      Named<iam::ServiceAccountRequest>("projects/-/serviceAccounts/" + account.email());
  EXPECT_THAT(iam_service_.DisableServiceAccount(Owner(), any), IsOk());
  EXPECT_TRUE(iam_service_.GetServiceAccount(Owner(), any)->disabled());
  EXPECT_THAT(iam_service_.DeleteServiceAccount(Owner(), any), IsOk());
  EXPECT_THAT(iam_service_.GetServiceAccount(Owner(), any), StatusIs(Code::kPermissionDenied));
}

TEST(ProjectFilter, MatchesTerms) {
  ProjectService::Project project;
  project.set_project_id("alpha-1");
  project.set_name("The Project");
  project.set_project_number(42);
  project.set_lifecycle_state(ProjectService::Project::ACTIVE);
  (*project.mutable_labels())["env"] = "prod";
  for (const char* text :
       {"", "lifecycleState:ACTIVE", "lifecycleState=active", "id:alpha*", "name:\"the project\"",
        "projectNumber=42", "labels.env:*", "labels.env=prod AND id:alpha-1", "  id:*  "}) {
    const auto filter = ProjectFilter::Parse(text);
    ASSERT_THAT(filter, IsOk()) << text;
    EXPECT_TRUE(filter->Matches(project)) << text;
  }
  for (const char* text : {"lifecycleState:DELETE_REQUESTED", "id:beta*", "labels.other:*",
                           "id:alpha-1 labels.env:test"}) {
    const auto filter = ProjectFilter::Parse(text);
    ASSERT_THAT(filter, IsOk()) << text;
    EXPECT_FALSE(filter->Matches(project)) << text;
  }
  for (const std::string& text :
       {std::string("id"), std::string(":x"), std::string("id:"), std::string("parent.id:1"),
        std::string("id:a OR id:b"), std::string("labels.:x"),
        "id:" + std::string(ProjectFilter::kMaxBytes, 'a')}) {
    EXPECT_THAT(ProjectFilter::Parse(text), StatusIs(Code::kInvalidArgument)) << text;
  }
}

}  // namespace
}  // namespace hodei::service
