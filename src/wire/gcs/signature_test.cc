// Signed requests and form uploads against vectors that two other signers made
// (testdata/signatures/make_vectors.py).
#include "wire/gcs/signature.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "sys/file.h"
#include "wire/gcs/post_policy.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT
using ::testing::HasSubstr;

class GcsSignatures : public GcsFixture {
 protected:
  void SetUp() override {
    GcsFixture::SetUp();
    const Result<std::string> text =
        ReadFile(std::string(HODEI_TESTDATA) + "/signatures/vectors.json");
    ASSERT_TRUE(text.ok());
    vectors = Json::parse(*text);
    const std::string email = vectors["email"];
    http.AddSigner(email, vectors["public_key"]);
    http.AddHmacKey(email, vectors["access_id"], vectors["secret"]);
    ASSERT_EQ(http.Call("POST", "/storage/v1/b?project=p", R"({"name":"bucket2"})").status, 200);
  }

  // Without a credential but the vector's own.
  Answered Play(const Json& vector) {
    GcsCaller::HeaderList headers;
    bool credential = false;
    for (const auto& [name, value] : vector["headers"].items()) {
      credential = credential || name == "Authorization";
      headers.emplace_back(name, value.get<std::string>());
    }
    if (!credential) headers.emplace_back("Authorization", "");
    http.host = vector["host"];
    const Answered answered =
        http.Call(vector["method"], vector["target"], vector["body"], headers);
    http.host = "store.test:8080";
    return answered;
  }

  static std::string FormBody(const Json& policy) {
    std::string body;
    for (const auto& [name, value] : policy["fields"].items()) {
      body += fmt::format("--B\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", name,
                          value.get<std::string>());
    }
    body += fmt::format(
        "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n"
        "Content-Type: text/plain\r\n\r\n{}\r\n--B--\r\n",
        policy["filename"].get<std::string>(), policy["data"].get<std::string>());
    return body;
  }

  Answered Post(const Json& policy) {
    return http.Call("POST", "/" + policy["bucket"].get<std::string>(), FormBody(policy),
                     {{"Content-Type", "multipart/form-data; boundary=B"}, {"Authorization", ""}});
  }

  Json vectors;
};

TEST_F(GcsSignatures, EveryRequestVectorHasItsAnswer) {
  const std::string object = vectors["object"];
  for (const Json& vector : vectors["requests"]) {
    ASSERT_EQ(Put(object, "content").status, 200);
    const int64_t before = ParseInt64(Meta(object).json()["generation"].get<std::string>()).value();
    const Answered answered = Play(vector);
    EXPECT_EQ(answered.status, vector["status"].get<int>()) << vector["name"] << "\n"
                                                            << answered.body;
    if (answered.status < 400) continue;
    // Refused means that nothing was done.
    const Answered after = Meta(object);
    ASSERT_EQ(after.status, 200) << vector["name"];
    EXPECT_EQ(after.json()["generation"], std::to_string(before)) << vector["name"];
  }
}

TEST_F(GcsSignatures, EveryFormVectorHasItsAnswer) {
  for (const Json& policy : vectors["policies"]) {
    const Answered before = http.Call("GET", std::string(kObjects) + "?prefix=form/");
    const Answered answered = Post(policy);
    EXPECT_EQ(answered.status, policy["status"].get<int>()) << policy["name"] << "\n"
                                                            << answered.body;
    const Answered after = http.Call("GET", std::string(kObjects) + "?prefix=form/");
    EXPECT_EQ(before.body == after.body, answered.status >= 400) << policy["name"];
  }
}

TEST_F(GcsSignatures, FormsAnswerAndNameAsAsked) {
  const auto named = [&](const std::string& name) {
    for (const Json& policy : vectors["policies"]) {
      if (policy["name"] == name) return policy;
    }
    return Json();
  };
  ASSERT_EQ(Post(named("google filename")).status, 204);
  EXPECT_EQ(Media("form/my file.txt").body, "12345");
  EXPECT_EQ(Post(named("google redirect")).headers.Get("Location").substr(0, 50),
            "http://www.example.com/done?bucket=bucket&key=form");
  EXPECT_THAT(Post(named("google status 201")).body, HasSubstr("<Key>form/a.txt</Key>"));
  ASSERT_EQ(Post(named("google with fields")).status, 204);
  EXPECT_EQ(Meta("form/a.txt").json()["metadata"]["a"], "b");
  EXPECT_EQ(Meta("form/a.txt").json()["contentType"], "text/z");
}

TEST_F(GcsSignatures, ASignedUrlHasTheRightsOfItsSignerOnly) {
  ASSERT_EQ(Put(vectors["object"], "content").status, 200);
  const Json good = vectors["requests"][0];
  ASSERT_EQ(Play(good).body, "content");
  http.authorizer.DenyProject("p");
  EXPECT_EQ(Play(good).status, 404);
}

TEST_F(GcsSignatures, KeysThatAreOffSignNothing) {
  ASSERT_EQ(Put(vectors["object"], "content").status, 200);
  Json by_hmac;
  for (const Json& vector : vectors["requests"]) {
    if (vector["name"] == "own v4 hmac") by_hmac = vector;
  }
  ASSERT_EQ(Play(by_hmac).status, 200);
  const std::string id = vectors["access_id"];
  ASSERT_TRUE(http.hmac_keys.SetState("p", id, access::HmacKey::INACTIVE, "").ok());
  EXPECT_EQ(Play(by_hmac).status, 403);
  ASSERT_TRUE(http.hmac_keys.SetState("p", id, access::HmacKey::ACTIVE, "").ok());
  EXPECT_EQ(Play(by_hmac).status, 200);
  // The same e-mail, another account.
  access::Account again;
  again.set_email(vectors["email"]);
  again.set_kind(access::Account::SERVICE_ACCOUNT);
  again.set_unique_id("2");
  ASSERT_TRUE(http.meta
                  ->Commit({{store::Write::Op::kPut, "account", again.email(),
                             again.SerializeAsString(), std::nullopt}})
                  .ok());
  EXPECT_EQ(Play(by_hmac).status, 403);
  EXPECT_EQ(Play(vectors["requests"][0]).status, 403);
}

TEST_F(GcsSignatures, TheSessionOfASignedStartNeedsNoCredentialAndTakesNoOther) {
  Json start;
  for (const Json& vector : vectors["requests"]) {
    if (vector["name"] == "google v4 resumable start") start = vector;
  }
  const Answered started = Play(start);
  ASSERT_EQ(started.status, 201);
  std::string session(started.headers.Get("Location"));
  session = session.substr(session.find("/bucket"));
  EXPECT_EQ(http.Call("PUT", session, "stolen").status, 404);  // ann is not who started it
  EXPECT_EQ(http.Call("PUT", session, "right", {{"Authorization", ""}}).status, 200);
  EXPECT_EQ(Media(vectors["object"]).body, "right");
  // And the other way round: a session started with a token is not open to whoever finds its URL.
  const std::string tokens = StartSession("mine");
  EXPECT_EQ(http.Call("PUT", tokens, "stolen", {{"Authorization", ""}}).status, 404);
  EXPECT_EQ(http.Call("PUT", tokens, "stolen", {{"Authorization", "Bearer eve"}}).status, 404);
}

TEST_F(GcsSignatures, TheEmulatorChecksFormAndExpiryOfUnknownKeys) {
  http.emulator = true;
  ASSERT_EQ(Put(vectors["object"], "content").status, 200);
  Json unknown = vectors["requests"][0];
  std::string target = unknown["target"];
  const size_t at = target.find("signer%40");
  target.replace(at, 9, "nobody%40");
  unknown["target"] = target;
  EXPECT_EQ(Play(unknown).status, 200);
  for (const Json& vector : vectors["requests"]) {
    if (vector["name"] != "google v4 resumable start") continue;
    std::string session(Play(vector).headers.Get("Location"));
    session = session.substr(session.find("/bucket"));
    EXPECT_EQ(http.Call("PUT", session, "more").status, 200);
  }
  for (const Json& vector : vectors["requests"]) {
    const int status = vector["status"];
    if (status != 400) continue;
    EXPECT_EQ(Play(vector).status, 400) << vector["name"];
  }
}

// T35: dates that nanoseconds, or a difference of two times, cannot hold.
TEST_F(GcsSignatures, DatesOfFarYearsAreRefused) {
  for (const char* year : {"0001", "1677", "1823", "2117", "2262", "3507", "9999"}) {
    EXPECT_EQ(http.Call("GET", "/bucket/object", "",
                        {{"Authorization", "GOOG1 GOOG1EXAMPLE:c2lnbmF0dXJl"},
                         {"Date", fmt::format("Tue, 14 Nov {} 22:13:20 GMT", year)}})
                  .status,
              400)
        << year;
    EXPECT_NE(
        http.Call("GET",
                  fmt::format("/bucket/object?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential="
                              "a%40b.c%2F{0}1114%2Fauto%2Fstorage%2Fgoog4_request&X-Goog-Date="
                              "{0}1114T221320Z&X-Goog-Expires=60&X-Goog-SignedHeaders=host&"
                              "X-Goog-Signature=00",
                              year),
                  "", {{"Authorization", ""}})
            .status,
        200)
        << year;
  }
}

TEST(PostPolicy, FieldsNobodyAllowedAreRefusedWhateverTheirCase) {
  const Result<PostPolicy> policy = ParsePostPolicy(
      R"({"expiration":"2030-01-01T00:00:00Z","conditions":[{"KEY":"a"},["starts-with","$x-goog-meta-A",""]]})");
  ASSERT_TRUE(policy.ok()) << policy.status();
  const WallTime now{1'700'000'000'000'000'000};
  EXPECT_TRUE(CheckPostPolicy(*policy, {{"key", "a"}, {"x-goog-meta-a", "1"}}, "b", now).ok());
  EXPECT_FALSE(CheckPostPolicy(*policy, {{"key", "a"}, {"acl", "1"}}, "b", now).ok());
  EXPECT_FALSE(CheckPostPolicy(*policy, {{"key", "A"}}, "b", now).ok());
  EXPECT_FALSE(CheckPostPolicy(*policy, {{"key", "a"}}, "b", {2'000'000'000'000'000'000}).ok());
}

TEST(PostPolicy, LimitsHold) {
  std::string conditions;
  for (size_t i = 0; i < kPolicyConditionLimit; ++i) conditions += R"({"a":"b"},)";
  const auto document = [&](const std::string& more) {
    return R"({"expiration":"2030-01-01T00:00:00Z","conditions":[)" + conditions + more + "]}";
  };
  EXPECT_FALSE(ParsePostPolicy(document(R"({"a":"b"})")).ok());
  conditions.pop_back();
  EXPECT_TRUE(ParsePostPolicy(document("")).ok());
  EXPECT_FALSE(ParsePostPolicy(std::string(kPolicyBytesLimit + 1, ' ')).ok());
}

}  // namespace
}  // namespace hodei::wire::gcs
