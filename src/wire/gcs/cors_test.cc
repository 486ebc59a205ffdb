#include "wire/gcs/cors.h"

#include <gmock/gmock.h>

#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT

class GcsCors : public GcsFixture {
 protected:
  void SetUp() override {
    GcsFixture::SetUp();
    ASSERT_EQ(Put("o", "bytes").status, 200);
    const Answered set =
        http.Call("PATCH", "/storage/v1/b/bucket",
                  R"({"cors":[{"origin":["https://app.example"],"method":["GET","PUT"],
            "responseHeader":["Content-Type","x-goog-meta-a"],"maxAgeSeconds":60},
           {"origin":["*"],"method":["HEAD"]}]})");
    ASSERT_EQ(set.status, 200) << set.body;
  }
  Answered Preflight(const std::string& target, const std::string& origin,
                     const std::string& method, const std::string& headers = "") {
    return http.Call("OPTIONS", target, "",
                     {{"Authorization", ""},
                      {"Origin", origin},
                      {"Access-Control-Request-Method", method},
                      {"Access-Control-Request-Headers", headers}});
  }
  std::string AllowedOrigin(const std::string& method, const std::string& origin) {
    return std::string(
        http.Call(method, "/bucket/o", "", {{"Authorization", "Bearer ann"}, {"Origin", origin}})
            .headers.Get("Access-Control-Allow-Origin"));
  }
};

TEST_F(GcsCors, PreflightsAreAnsweredWithoutACredentialAsTheRulesSay) {
  for (const char* target : {"/bucket/o", "/storage/v1/b/bucket/o/o",
                             "/upload/storage/v1/b/bucket/o?uploadType=media&name=x"}) {
    const Answered answered = Preflight(target, "https://app.example", "PUT", "content-type");
    EXPECT_EQ(answered.status, 200) << target;
    EXPECT_EQ(answered.headers.Get("Access-Control-Allow-Origin"), "https://app.example");
    EXPECT_EQ(answered.headers.Get("Access-Control-Allow-Methods"), "GET, PUT");
    EXPECT_EQ(answered.headers.Get("Access-Control-Allow-Headers"), "Content-Type, x-goog-meta-a");
    EXPECT_EQ(answered.headers.Get("Access-Control-Max-Age"), "60");
    EXPECT_EQ(answered.headers.Get("Vary"), "Origin");
  }
  EXPECT_EQ(Preflight("/bucket/o", "https://other.example", "HEAD")
                .headers.Get("Access-Control-Allow-Origin"),
            "*");
}

TEST_F(GcsCors, WhatNoRuleAllowsLooksLikeABucketThatIsNotThere) {
  const Answered absent = Preflight("/absent/o", "https://app.example", "GET");
  EXPECT_EQ(absent.status, 401);
  for (const Answered& answered :
       {Preflight("/bucket/o", "https://other.example", "GET"),
        Preflight("/bucket/o", "https://app.example", "DELETE"),
        Preflight("/bucket/o", "https://app.example", "GET", "x-secret"),
        Preflight("/bucket/o", "", "GET"), Preflight("/bucket/o", "https://app.example", "")}) {
    EXPECT_EQ(answered.status, 401);
    EXPECT_EQ(answered.body, absent.body);
    EXPECT_FALSE(answered.headers.Has("Access-Control-Allow-Origin"));
  }
}

TEST_F(GcsCors, ResponsesSayWhichPageMayReadThem) {
  EXPECT_EQ(AllowedOrigin("GET", "https://app.example"), "https://app.example");
  EXPECT_EQ(AllowedOrigin("GET", "https://app.example.evil"), "");
  EXPECT_EQ(AllowedOrigin("GET", "http://app.example"), "");
  EXPECT_EQ(AllowedOrigin("HEAD", "https://evil"), "*");
  const Answered refused =
      http.Call("GET", "/bucket/none", "",
                {{"Authorization", "Bearer ann"}, {"Origin", "https://app.example"}});
  EXPECT_EQ(refused.status, 404);
  EXPECT_EQ(refused.headers.Get("Access-Control-Allow-Origin"), "https://app.example");
  EXPECT_EQ(refused.headers.Get("Access-Control-Expose-Headers"), "Content-Type, x-goog-meta-a");
}

TEST_F(GcsCors, RulesOfAnotherFormAreRefused) {
  for (const char* cors : {R"({})", R"([1])", R"([{"origin":"x"}])", R"([{"origin":[1]}])",
                           R"([{"origin":["x"],"method":["GET"],"maxAgeSeconds":"x"}])"}) {
    EXPECT_EQ(
        http.Call("PATCH", "/storage/v1/b/bucket", std::string("{\"cors\":") + cors + "}").status,
        400)
        << cors;
  }
  std::string rules;
  for (size_t i = 0; i <= kCorsRuleLimit; ++i) rules += R"({"origin":["x"]},)";
  rules.pop_back();
  EXPECT_EQ(http.Call("PATCH", "/storage/v1/b/bucket", "{\"cors\":[" + rules + "]}").status, 400);
}

}  // namespace
}  // namespace hodei::wire::gcs
