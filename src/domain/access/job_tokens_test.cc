// T18: what the token of a job is worth, and to whom.
#include "domain/access/job_tokens.h"

#include <gtest/gtest.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/authenticator.h"
#include "domain/access/denial.h"
#include "domain/access/projects.h"
#include "net/http_message.h"

namespace hodei::access {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;

constexpr char kJob[] = "projects/project-a/jobs/train";

class JobTokensTest : public ::testing::Test {
 protected:
  JobTokensTest() {
    google::cloud::resourcemanager::v1::Project wanted;
    wanted.set_project_id("project-a");
    EXPECT_THAT(projects_.Create(wanted, "user:a@example.com"), IsOk());
  }
  Result<Principal> Ask(const std::string& label, const std::string& token) {
    net::RequestHead head;
    head.method = "GET";
    head.target = "/storage/v1/b";
    head.peer.socket_label = label;
    if (!token.empty()) head.headers.Add("Authorization", "Bearer " + token);
    return authenticator_->Authenticate(head);
  }

  FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  Projects projects_{store_.get(), &clock_};
  JobTokens tokens_{Secret(std::string(32, 'k')), &clock_};
  std::unique_ptr<Authenticator> authenticator_ =
      MakeAuthenticator(AuthMode::kCredentials, store_.get(), &clock_, &tokens_);
};

TEST_F(JobTokensTest, IsTheJobOnTheJobsOwnSockets) {
  const std::string token = tokens_.Mint(kJob).Reveal();
  for (const char* kind : {"job:", "web:", "tls:"}) {
    ASSERT_OK_AND_ASSIGN(const Principal principal, Ask(std::string(kind) + kJob, token));
    EXPECT_EQ(principal.job, kJob);
  }
}

TEST_F(JobTokensTest, IsNothingAnywhereElse) {
  const std::string token = tokens_.Mint(kJob).Reveal();
  for (const char* label : {"", "tls:projects/project-a/jobs/other",
                            "web:", "tls:", "other:projects/project-a/jobs/train"}) {
    EXPECT_EQ(Ask(label, token).status(), UnauthenticatedCaller()) << label;
  }
}

TEST_F(JobTokensTest, WithoutOneThePrivateNamesKnowNobody) {
  EXPECT_THAT(Ask(std::string("job:") + kJob, ""), IsOk());
  EXPECT_EQ(Ask(std::string("tls:") + kJob, "").status(), UnauthenticatedCaller());
  EXPECT_EQ(Ask(std::string("web:") + kJob, "").status(), UnauthenticatedCaller());
}

TEST_F(JobTokensTest, EndsAfterItsTime) {
  const std::string token = tokens_.Mint(kJob).Reveal();
  clock_.Advance(JobTokens::kLifetime - std::chrono::seconds(1));
  EXPECT_TRUE(tokens_.IsValid(token, kJob));
  clock_.Advance(std::chrono::seconds(1));
  EXPECT_FALSE(tokens_.IsValid(token, kJob));
}

TEST_F(JobTokensTest, EveryCutAndEveryChangeIsRefused) {
  const std::string token = tokens_.Mint(kJob).Reveal();
  for (size_t size = 0; size < token.size(); ++size) {
    EXPECT_FALSE(tokens_.IsValid(token.substr(0, size), kJob)) << size;
  }
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens_.IsValid(changed, kJob)) << i;
  }
  EXPECT_FALSE(tokens_.IsValid(token + "x", kJob));
  const JobTokens other(Secret(std::string(32, 'o')), &clock_);
  EXPECT_FALSE(other.IsValid(token, kJob));
}

}  // namespace
}  // namespace hodei::access
