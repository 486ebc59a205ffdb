// Authentication and authorization over the real store: routes of credentials, roles, projects.
#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/access_tokens.h"
#include "domain/access/accounts.h"
#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "domain/access/denial.h"
#include "domain/access/permission_table.h"
#include "domain/access/policy.h"
#include "domain/access/projects.h"
#include "net/http_message.h"
#include "sys/file.h"

namespace hodei::access {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;

constexpr char kProject[] = "project-a";

class AccessTest : public ::testing::Test {
 protected:
  AccessTest() {
    alice_ = *accounts_.Create("alice-1", kProject, "", "");
    bob_ = *accounts_.Create("bob-123", kProject, "", "");
    google::cloud::resourcemanager::v1::Project wanted;
    wanted.set_project_id(kProject);
    number_ =
        std::to_string(projects_.Create(wanted, MemberName(alice_.email()))->project_number());
    wanted.set_project_id("project-b");
    EXPECT_THAT(projects_.Create(wanted, "user:other@example.com"), IsOk());
    alice_token_ = tokens_.Mint(alice_, std::chrono::hours(1), "")->Reveal();
  }

  static net::RequestHead Head(std::string target = "/v1/projects/p/jobs") {
    net::RequestHead head;
    head.method = "GET";
    head.target = std::move(target);
    return head;
  }
  net::RequestHead WithAuthorization(std::string value) {
    net::RequestHead head = Head();
    head.headers.Add("Authorization", std::move(value));
    return head;
  }
  void Grant(const std::string& resource, const std::string& role, const std::string& member) {
    auto policy = *ReadPolicy(store_.get(), resource);
    auto* const binding = policy.add_bindings();
    binding->set_role(role);
    binding->add_members(member);
    ASSERT_THAT(ReplacePolicy(store_.get(), resource, policy), IsOk());
  }

  FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  Accounts accounts_{store_.get(), &clock_};
  Projects projects_{store_.get(), &clock_};
  AccessTokens tokens_{store_.get(), &clock_};
  std::unique_ptr<Authenticator> authenticator_ =
      MakeAuthenticator(AuthMode::kCredentials, store_.get(), &clock_);
  std::unique_ptr<Authorizer> authorizer_ = MakeAuthorizer(store_.get());
  Account alice_, bob_;
  std::string number_;
  std::string alice_token_;
};

TEST_F(AccessTest, AcceptsATokenInHeaderOrQuery) {
  for (const char* scheme : {"Bearer ", "bearer ", "BEARER "}) {
    ASSERT_OK_AND_ASSIGN(const Principal principal,
                         authenticator_->Authenticate(WithAuthorization(scheme + alice_token_)));
    EXPECT_EQ(principal, Principal{.email = alice_.email()});
  }
  EXPECT_THAT(authenticator_->Authenticate(Head("/v1/x?alt=json&access_token=" + alice_token_)),
              IsOk());
}

// T1: every bad credential is refused with the same words.
TEST_F(AccessTest, RefusesBadCredentialsAllTheSame) {
  const std::string expired = tokens_.Mint(alice_, std::chrono::seconds(1), "")->Reveal();
  const std::string revoked = tokens_.Mint(alice_, std::chrono::hours(1), "")->Reveal();
  ASSERT_THAT(tokens_.Revoke(revoked), IsOk());
  clock_.Advance(std::chrono::seconds(1));
  std::vector<net::RequestHead> heads = {Head()};
  for (const std::string& value : std::vector<std::string>{
           "", " ", "Bearer", "Bearer ", "Bearer  " + alice_token_, "Bearer x",
           "Bearer " + alice_token_ + " ", "Bearer " + alice_token_ + "x",
           "Bearer " + alice_token_.substr(1), "Basic " + alice_token_, alice_token_,
           "Bearer " + expired, "Bearer " + revoked, "Bearer " + std::string(5000, 'x'),
           "Bearer \xff\xfe", "Bearer " + TokenName(alice_token_)}) {
    heads.push_back(WithAuthorization(value));
  }
  heads.push_back(WithAuthorization("Bearer " + alice_token_));
  heads.back().headers.Add("Authorization", "Bearer " + alice_token_);
  // A bad header is not mended by a good query, nor by a job's socket.
  heads.push_back(Head("/v1/x?access_token=" + alice_token_));
  heads.back().headers.Add("Authorization", "Bearer bad");
  heads.push_back(Head());
  heads.back().headers.Add("Authorization", "Bearer bad");
  heads.back().peer.socket_label = "job:projects/project-a/jobs/j";
  heads.push_back(Head("/v1/x?access_token="));
  heads.push_back(Head("/v1/x?access_token=%zz"));
  heads.push_back(Head("/v1/x?access_token=" + alice_token_ + "&access_token=" + alice_token_));
  heads.push_back(Head());
  heads.back().peer.socket_label = "other:projects/project-a/jobs/j";
  heads.push_back(Head());
  heads.back().peer.socket_label = "job:projects/project-c/jobs/j";
  for (size_t i = 0; i < heads.size(); ++i) {
    EXPECT_EQ(authenticator_->Authenticate(heads[i]).status(), UnauthenticatedCaller()) << i;
  }
}

TEST_F(AccessTest, AJobsSocketIsTheJobInItsProject) {
  net::RequestHead head = Head();
  head.peer.socket_label = "job:projects/project-a/jobs/train";
  ASSERT_OK_AND_ASSIGN(const Principal job, authenticator_->Authenticate(head));
  EXPECT_EQ(job.job, "projects/project-a/jobs/train");
  EXPECT_EQ(job.email, "service-" + number_ + "@cloud-ml.google.com.iam.gserviceaccount.com");
  for (const char* allowed : {"storage.objects.create", "storage.objects.get", "ml.jobs.get",
                              "logging.logEntries.create", "logging.logEntries.list"}) {
    EXPECT_THAT(authorizer_->Check(job, kProject, allowed), IsOk()) << allowed;
    EXPECT_THAT(authorizer_->Check(job, number_, allowed), IsOk()) << allowed;
    EXPECT_THAT(authorizer_->Check(job, "project-b", allowed), StatusIs(Code::kPermissionDenied));
  }
  for (const char* denied :
       {"ml.jobs.create", "ml.jobs.cancel", "ml.models.delete", "iam.serviceAccountKeys.create",
        "storage.buckets.setIamPolicy", "resourcemanager.projects.setIamPolicy"}) {
    EXPECT_THAT(authorizer_->Check(job, kProject, denied), StatusIs(Code::kPermissionDenied))
        << denied;
  }
  // With a token of its own it is who the token says.
  head.headers.Add("Authorization", "Bearer " + alice_token_);
  EXPECT_EQ(authenticator_->Authenticate(head)->job, "");
}

TEST_F(AccessTest, EmulatorAsksNobodyButConfinesJobs) {
  const auto open = MakeAuthenticator(AuthMode::kNone, store_.get(), &clock_);
  for (net::RequestHead head : {Head(), WithAuthorization("Bearer nonsense")}) {
    ASSERT_OK_AND_ASSIGN(const Principal principal, open->Authenticate(head));
    EXPECT_TRUE(principal.emulator);
    EXPECT_THAT(authorizer_->Check(principal, "<none>", "storage.buckets.create"), IsOk());
    head.peer.socket_label = "job:projects/nobody-made/jobs/j";
    ASSERT_OK_AND_ASSIGN(const Principal job, open->Authenticate(head));
    EXPECT_FALSE(job.emulator);
    EXPECT_THAT(authorizer_->Check(job, "nobody-made", "storage.objects.get"), IsOk());
    EXPECT_THAT(authorizer_->Check(job, "nobody-made", "ml.jobs.create"),
                StatusIs(Code::kPermissionDenied));
  }
}

// T5: another's project, a deleted one and one that never was look the same.
TEST_F(AccessTest, DenialDoesNotTellWhatExists) {
  const Principal bob{.email = bob_.email()};
  const auto denial = [&](const Principal& who, std::string_view project) {
    const Status status = authorizer_->Check(who, project, "ml.jobs.get");
    EXPECT_EQ(status.code(), Code::kPermissionDenied);
    return std::regex_replace(status.message(), std::regex(std::string(project)), "P");
  };
  const std::string message = denial(bob, kProject);
  EXPECT_EQ(message,
            "Permission 'ml.jobs.get' denied on resource "
            "'//cloudresourcemanager.googleapis.com/projects/P' (or it may not exist).");
  EXPECT_EQ(denial(bob, "never-was"), message);
  EXPECT_EQ(denial(bob, "999999999999"), message);
  EXPECT_EQ(denial(bob, number_), message) << "a number is not turned into an id";
  EXPECT_EQ(denial(Principal{.email = alice_.email()}, "project-b"), message);
  ASSERT_THAT(projects_.Delete(kProject), IsOk());
  EXPECT_EQ(denial(Principal{.email = alice_.email()}, kProject), message);
  EXPECT_EQ(denial({}, kProject), message);
}

TEST_F(AccessTest, NumbersAndIdsNameTheSameProject) {
  const Principal alice{.email = alice_.email()};
  EXPECT_THAT(authorizer_->Check(alice, kProject, "ml.jobs.create"), IsOk());
  EXPECT_THAT(authorizer_->Check(alice, number_, "ml.jobs.create"), IsOk());
  EXPECT_EQ(*authorizer_->ResolveProject(number_), kProject);
  EXPECT_EQ(*authorizer_->ResolveProject("12"), "12");
  EXPECT_EQ(*authorizer_->ResolveProject("x/../y"), "x/../y");
}

TEST_F(AccessTest, APolicyChangeCountsAtOnce) {
  const Principal bob{.email = bob_.email()};
  EXPECT_THAT(authorizer_->Check(bob, kProject, "ml.jobs.get"), StatusIs(Code::kPermissionDenied));
  Grant("projects/project-a", "roles/ml.viewer", MemberName(bob_.email()));
  EXPECT_THAT(authorizer_->Check(bob, kProject, "ml.jobs.get"), IsOk());
  EXPECT_THAT(authorizer_->Check(bob, kProject, "ml.jobs.create"),
              StatusIs(Code::kPermissionDenied));
}

TEST_F(AccessTest, AResourcesOwnPolicyCountsForItOnly) {
  const Principal bob{.email = bob_.email()};
  ASSERT_THAT(
      store_->Commit({GrantAtCreation("projects/project-a/jobs/mine", "roles/ml.jobOwner", bob)}),
      IsOk());
  EXPECT_THAT(
      authorizer_->CheckResource(bob, kProject, "projects/project-a/jobs/mine", "ml.jobs.cancel"),
      IsOk());
  EXPECT_THAT(
      authorizer_->CheckResource(bob, kProject, "projects/project-a/jobs/other", "ml.jobs.cancel"),
      StatusIs(Code::kPermissionDenied, HasSubstr("jobs/other")));
  ASSERT_THAT(projects_.Delete(kProject), IsOk());
  EXPECT_THAT(
      authorizer_->CheckResource(bob, kProject, "projects/project-a/jobs/mine", "ml.jobs.cancel"),
      StatusIs(Code::kPermissionDenied));
}

TEST_F(AccessTest, MembersAreTheirKindAndAddress) {
  google::iam::v1::Policy policy;
  auto* const binding = policy.add_bindings();
  binding->set_role("roles/viewer");
  const Principal service{.email = "x@p.iam.gserviceaccount.com"};
  const Principal user{.email = "x@example.com"};
  const auto grants = [&](const char* member, const Principal& principal) {
    binding->clear_members();
    binding->add_members(member);
    return PolicyGrants(policy, principal, "ml.jobs.get");
  };
  EXPECT_TRUE(grants("serviceAccount:x@p.iam.gserviceaccount.com", service));
  EXPECT_FALSE(grants("user:x@p.iam.gserviceaccount.com", service));
  EXPECT_TRUE(grants("user:x@example.com", user));
  EXPECT_FALSE(grants("user:X@example.com ", user));
  EXPECT_TRUE(grants("allAuthenticatedUsers", user));
  binding->mutable_condition()->set_expression("true");
  EXPECT_FALSE(grants("user:x@example.com", user)) << "conditions give nothing";
}

TEST_F(AccessTest, RefusesPoliciesThatMeanNothing) {
  const std::pair<const char*, const char*> table[] = {
      {"roles/unknown", "user:a@b.c"}, {"(job)", "user:a@b.c"},        {"", "user:a@b.c"},
      {"roles/viewer", "a@b.c"},       {"roles/viewer", "user:"},      {"roles/viewer", "user:a"},
      {"roles/viewer", "group:a@b.c"}, {"roles/viewer", "user:a@b c"}, {"roles/viewer", "user:@b"},
      {"roles/viewer", "everybody"},   {"roles/viewer", "user:a@b@c"}};
  for (const auto& [role, member] : table) {
    google::iam::v1::Policy policy;
    auto* const binding = policy.add_bindings();
    binding->set_role(role);
    binding->add_members(member);
    EXPECT_THAT(ValidatePolicy(policy), StatusIs(Code::kInvalidArgument)) << role << member;
  }
  google::iam::v1::Policy large;
  for (int i = 0; i <= kMaxBindings; ++i) large.add_bindings()->set_role("roles/viewer");
  EXPECT_THAT(ValidatePolicy(large), StatusIs(Code::kInvalidArgument));
  large.mutable_bindings()->RemoveLast();
  EXPECT_THAT(ValidatePolicy(large), IsOk());
  for (int i = 0; i <= kMaxMembers; ++i) large.mutable_bindings(0)->add_members("user:a@b.c");
  EXPECT_THAT(ValidatePolicy(large), StatusIs(Code::kInvalidArgument));
}

TEST_F(AccessTest, PolicyEtagsRefuseLostUpdates) {
  const std::string resource = "projects/project-a/jobs/j";
  ASSERT_OK_AND_ASSIGN(const auto never, ReadPolicy(store_.get(), resource));
  EXPECT_EQ(never.etag(), std::string("\x00\x20\x01", 3));
  EXPECT_EQ(never.version(), 1);
  auto first = never;
  first.add_bindings()->set_role("roles/viewer");
  ASSERT_OK_AND_ASSIGN(const auto stored, ReplacePolicy(store_.get(), resource, first));
  EXPECT_NE(stored.etag(), never.etag());
  EXPECT_EQ(ReadPolicy(store_.get(), resource)->etag(), stored.etag());
  EXPECT_THAT(ReplacePolicy(store_.get(), resource, first), StatusIs(Code::kAborted));
  EXPECT_THAT(ReplacePolicy(store_.get(), resource, stored), IsOk());
  EXPECT_THAT(ReplacePolicy(store_.get(), resource, stored), StatusIs(Code::kAborted));
  auto unconditional = stored;
  unconditional.clear_etag();
  EXPECT_THAT(ReplacePolicy(store_.get(), resource, unconditional), IsOk());
  unconditional.set_etag("bad");
  EXPECT_THAT(ReplacePolicy(store_.get(), resource, unconditional),
              StatusIs(Code::kInvalidArgument));
}

TEST_F(AccessTest, LimitsOfKeysAndAccounts) {
  for (const char* id : {"", "short", "Upper-1", "1number", "ends-with-", "under_score",
                         "a23456789012345678901234567890x"}) {
    EXPECT_THAT(accounts_.Create(id, kProject, "", ""), StatusIs(Code::kInvalidArgument)) << id;
  }
  EXPECT_THAT(accounts_.Create("alice-1", kProject, "", ""), StatusIs(Code::kAlreadyExists));
  for (size_t i = 2; i < kMaxAccountsPerProject; ++i) {
    ASSERT_THAT(accounts_.Create("account-" + std::to_string(i), kProject, "", ""), IsOk());
  }
  EXPECT_THAT(accounts_.Create("one-too-many", kProject, "", ""),
              StatusIs(Code::kResourceExhausted));
  EXPECT_EQ(accounts_.List(kProject)->size(), kMaxAccountsPerProject);
}

TEST_F(AccessTest, ProjectIds) {
  for (const char* id : {"abcdef", "a-1234", "a23456789012345678901234567890"}) {
    EXPECT_TRUE(IsProjectId(id)) << id;
  }
  for (const char* id : {"", "abcde", "Abcdef", "1abcde", "abcde-", "abc_de", "abc/../def",
                         "a234567890123456789012345678901", "abcdef\n"}) {
    EXPECT_FALSE(IsProjectId(id)) << id;
  }
}

std::string RolesAsText() {
  std::ostringstream out;
  out << "# Which role contains which permission. HODEI_UPDATE_GOLDEN=1 access_test rewrites this "
         "file.\n";
  for (const PermissionRow& row : PermissionTable()) {
    out << row.permission << ":";
    for (int i = 0; i < kRoleCount; ++i) {
      if (row.roles.Has(static_cast<Role>(i))) out << " " << RoleName(static_cast<Role>(i));
    }
    out << "\n";
  }
  return out.str();
}

TEST(PermissionTable, MatchesTheGoldenFile) {
  const std::string path = std::string(HODEI_SOURCE_DIR) + "/test/golden/roles.txt";
  const std::string text = RolesAsText();
  if (std::getenv("HODEI_UPDATE_GOLDEN") != nullptr) {
    ASSERT_THAT(WriteFileDurably(path, text, 0644), IsOk());
  }
  EXPECT_EQ(ReadFile(path).value_or(std::string()), text);
}

TEST(PermissionTable, KnowsEveryPermissionThatTheContractNames) {
  const std::regex permission("permission: \"([^\"]+)\"");
  int found = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::string(HODEI_SOURCE_DIR) + "/proto")) {
    if (entry.path().extension() != ".proto") continue;
    const std::string text = ReadFile(entry.path().string()).value_or(std::string());
    for (std::sregex_iterator it(text.begin(), text.end(), permission), end; it != end; ++it) {
      const std::string name = (*it)[1];
      ++found;
      EXPECT_TRUE(RolesWith(name).Has(Role::kOwner)) << entry.path() << ": " << name;
    }
  }
  EXPECT_GT(found, 30);
}

TEST(PermissionTable, RolesOnlyGrowUpwards) {
  for (const PermissionRow& row : PermissionTable()) {
    if (row.roles.Has(Role::kViewer)) {
      EXPECT_TRUE(row.roles.Has(Role::kEditor)) << row.permission;
    }
    if (row.roles.Has(Role::kMlDeveloper)) {
      EXPECT_TRUE(row.roles.Has(Role::kMlAdmin)) << row.permission;
    }
    EXPECT_TRUE(row.roles.Has(Role::kOwner)) << row.permission;
    if (row.permission.find("IamPolicy") != std::string::npos &&
        row.permission.find("set") != std::string::npos) {
      EXPECT_FALSE(row.roles.Has(Role::kEditor)) << row.permission;
      EXPECT_FALSE(row.roles.Has(Role::kJob)) << row.permission;
    }
  }
  EXPECT_FALSE(RolesWith("ml.jobs.").Has(Role::kOwner));
  EXPECT_FALSE(RolesWith("").Has(Role::kOwner));
  EXPECT_FALSE(RoleByName("(job)").has_value());
}

}  // namespace
}  // namespace hodei::access
