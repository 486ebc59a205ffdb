// The token endpoint as gcloud and others speak to it.
#include "service/token_service.h"

#include <gmock/gmock.h>

#include "base/encoding.h"
#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/accounts.h"
#include "domain/access/authenticator.h"
#include "domain/access/rsa_key.h"
#include "net/http_message.h"
#include "store/meta/meta_store.h"

namespace hodei::service {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

constexpr int64_t kNow = 1'700'000'000;

class TokenServiceTest : public ::testing::Test {
 protected:
  TokenServiceTest() {
    access::NewAccount account =
        access::MakeServiceAccount("alice-1", "project-a", "", clock_.Now());
    access::NewKey key = *access::MakeKey(account.account, clock_.Now());
    account.writes.push_back(key.write);
    EXPECT_THAT(store_->Commit(account.writes), IsOk());
    email_ = account.account.email();
    key_id_ = key.key.key_id();
    private_key_ = key.private_key_pem;
    service_.SetTokenUris({"http://127.0.0.1:8080/token"});
  }

  std::string Assertion(const std::string& extra_claims) {
    const std::string header = R"({"typ":"JWT","alg":"RS256","kid":")" + key_id_ + "\"}";
    const std::string payload = R"({"iss":")" + email_ +
                                R"(","aud":"https://oauth2.googleapis.com/token","iat":)" +
                                std::to_string(kNow) + R"(,"exp":)" + std::to_string(kNow + 3600) +
                                "," + extra_claims + "}";
    const std::string input = Base64UrlEncode(header) + "." + Base64UrlEncode(payload);
    return input + "." + Base64UrlEncode(*access::SignRs256(private_key_, input));
  }
  static std::string GrantForm(const std::string& assertion) {
    return "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" +
           assertion;
  }

  struct Reply {
    int status;
    std::string body;
    net::Headers headers;
  };
  Reply Send(const std::string& method, const std::string& target, const std::string& body,
             const std::string& content_type = "application/x-www-form-urlencoded",
             const std::string& authorization = "") {
    net::RequestHead head;
    head.method = method;
    head.target = target;
    if (!content_type.empty()) head.headers.Add("Content-Type", content_type);
    if (!authorization.empty()) head.headers.Add("Authorization", authorization);
    const auto handler = service_.Start(head);
    const Status taken = handler->OnBody(body);
    net::HttpResponse response = taken.ok() ? handler->OnEnd() : handler->OnError(taken);
    return {response.status, std::get<std::string>(response.body), response.headers};
  }
  std::string AccessToken() {
    const Reply reply = Send("POST", "/token", GrantForm(Assertion(R"("scope":"x")")));
    const size_t start = reply.body.find("hodei_at_");
    return reply.body.substr(start, reply.body.find('"', start) - start);
  }

  FakeClock clock_{{kNow * 1'000'000'000}};
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
  TokenService service_{store_.get(), &clock_};
  std::string email_, key_id_;
  Secret private_key_;
};

TEST_F(TokenServiceTest, AnswersBothRequestsOfGcloud) {
  const Reply id =
      Send("POST", "/token",
           GrantForm(Assertion(R"("target_audience":"32555940559.apps.googleusercontent.com")")));
  EXPECT_EQ(id.status, 200);
  EXPECT_THAT(id.body, MatchesRegex(R"(\{"id_token":"[A-Za-z0-9_.-]+"\})"));
  const Reply access = Send("POST", "/token", GrantForm(Assertion(R"("scope":"openid email")")));
  EXPECT_EQ(access.status, 200);
  EXPECT_THAT(
      access.body,
      MatchesRegex(
          R"(\{"access_token":"hodei_at_[A-Za-z0-9_-]+","expires_in":3599,"token_type":"Bearer"\})"));
  EXPECT_EQ(access.headers.Get("Cache-Control"), "no-store");
  EXPECT_THAT(std::string(access.headers.Get("Content-Type")), HasSubstr("application/json"));
}

TEST_F(TokenServiceTest, TheTokenOpensTheApi) {
  net::RequestHead head;
  head.method = "GET";
  head.target = "/v1/projects";
  head.headers.Add("Authorization", "Bearer " + AccessToken());
  const auto authenticator =
      access::MakeAuthenticator(access::AuthMode::kCredentials, store_.get(), &clock_);
  ASSERT_OK_AND_ASSIGN(const access::Principal principal, authenticator->Authenticate(head));
  EXPECT_EQ(principal.email, email_);
}

TEST_F(TokenServiceTest, ServesTheOlderPaths) {
  for (const char* path : {"/token", "/oauth2/v4/token", "/o/oauth2/token"}) {
    EXPECT_TRUE(TokenService::Owns(path));
    const std::string claims = std::string(R"("scope":"x","jti":")") + path + "\"";
    EXPECT_EQ(Send("POST", path, GrantForm(Assertion(claims))).status, 200) << path;
  }
  for (const char* path : {"", "/", "/token/", "/v1/token", "/tokens", "/oauth2/v4/token/x"}) {
    EXPECT_FALSE(TokenService::Owns(path)) << path;
  }
}

TEST_F(TokenServiceTest, RefusesInTheWordsOfOauth) {
  const std::string form = "application/x-www-form-urlencoded";
  struct Row {
    const char* name;
    std::string method, body, type;
    int status;
    const char* error;
  };
  const std::string grant = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
  const std::vector<Row> table = {
      {"GET", "GET", "", form, 405, "invalid_request"},
      {"no body", "POST", "", form, 400, "invalid_request"},
      {"JSON", "POST", "{}", "application/json", 400, "invalid_request"},
      {"no type", "POST", "", "", 400, "invalid_request"},
      {"no assertion", "POST", grant, form, 400, "invalid_request"},
      {"empty assertion", "POST", grant + "&assertion=", form, 400, "invalid_request"},
      {"bad assertion", "POST", grant + "&assertion=a.b.c", form, 400, "invalid_grant"},
      {"refresh token", "POST", "grant_type=refresh_token&refresh_token=x", form, 400,
       "unsupported_grant_type"},
      {"password", "POST", "grant_type=password&username=a&password=b", form, 400,
       "unsupported_grant_type"},
      {"field twice", "POST", grant + "&" + grant, form, 400, "invalid_request"},
      {"bad escape", "POST", "grant_type=%zz", form, 400, "invalid_request"},
      {"too many fields", "POST",
       [] {
         std::string many;
         for (int i = 0; i < 40; ++i) many += "f" + std::to_string(i) + "=&";
         return many;
       }(),
       form, 400, "invalid_request"},
  };
  for (const Row& row : table) {
    const Reply reply = Send(row.method, "/token", row.body, row.type);
    EXPECT_EQ(reply.status, row.status) << row.name;
    EXPECT_THAT(reply.body, HasSubstr(std::string("{\"error\":\"") + row.error + "\"")) << row.name;
    EXPECT_THAT(reply.body, HasSubstr("\"error_description\":\"")) << row.name;
  }
}

TEST_F(TokenServiceTest, RefusesABodyOverTheLimit) {
  const Reply at_limit = Send("POST", "/token", std::string(TokenService::kBodyLimitBytes, 'a'));
  EXPECT_THAT(at_limit.body, HasSubstr("grant_type"));
  const Reply over = Send("POST", "/token", std::string(TokenService::kBodyLimitBytes + 1, 'a'));
  EXPECT_GE(over.status, 400);
  EXPECT_THAT(over.body, HasSubstr("error"));
}

TEST_F(TokenServiceTest, AReplayIsAnInvalidGrant) {
  const std::string form = GrantForm(Assertion(R"("jti":"one","scope":"x")"));
  EXPECT_EQ(Send("POST", "/token", form).status, 200);
  const Reply replay = Send("POST", "/token", form);
  EXPECT_EQ(replay.status, 400);
  EXPECT_THAT(replay.body, HasSubstr("\"invalid_grant\""));
}

TEST_F(TokenServiceTest, DescribesATokenToItsHolder) {
  const std::string token = AccessToken();
  const Reply info = Send("GET", "/oauth2/v1/tokeninfo?access_token=" + token, "", "");
  EXPECT_EQ(info.status, 200);
  EXPECT_THAT(info.body, AllOf(HasSubstr("\"expires_in\":\"3599\""), HasSubstr(email_)));
  const Reply user = Send("GET", "/oauth2/v3/userinfo", "", "", "Bearer " + token);
  EXPECT_EQ(user.status, 200);
  EXPECT_THAT(user.body, HasSubstr(email_));
  EXPECT_EQ(Send("GET", "/oauth2/v3/tokeninfo?access_token=x", "", "").status, 400);
  EXPECT_EQ(Send("GET", "/oauth2/v3/tokeninfo", "", "").status, 400);
  EXPECT_EQ(Send("GET", "/oauth2/v3/userinfo", "", "").status, 401);
}

TEST_F(TokenServiceTest, RevokesAToken) {
  const std::string token = AccessToken();
  EXPECT_EQ(Send("POST", "/revoke", "token=" + token).status, 200);
  EXPECT_EQ(Send("POST", "/revoke", "token=" + token).status, 400);
  EXPECT_EQ(Send("GET", "/oauth2/v1/tokeninfo?access_token=" + token, "", "").status, 400);
}

}  // namespace
}  // namespace hodei::service
