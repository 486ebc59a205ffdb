// Downloads that are answered where their head was parsed: like the others, only sooner.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT
using Where = net::RequestHandler::Where;

constexpr char kMedia[] = "/storage/v1/b/bucket/o/o?alt=media";

class GcsReadyAnswers : public GcsFixture {
 protected:
  Where WhereIs(const std::string& target, const std::string& extra_header = "") {
    net::RequestHead head;
    head.method = "GET";
    head.target = target;
    head.host = "store.test";
    head.headers.Add("Authorization", "Bearer ann");
    if (!extra_header.empty()) head.headers.Add(extra_header, "x");
    return http.api->Start(head)->where();
  }
};

TEST_F(GcsReadyAnswers, ASecondReadNeedsNoPool) {
  ASSERT_EQ(Put("o", "bytes").status, 200);
  EXPECT_EQ(WhereIs(kMedia), Where::kPool);
  const Answered first = Media("o");
  EXPECT_EQ(WhereIs(kMedia), Where::kInline);
  EXPECT_EQ(WhereIs("/download/storage/v1/b/bucket/o/o"), Where::kInline);
  EXPECT_EQ(WhereIs("/bucket/o"), Where::kInline);
  const Answered second = Media("o");
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, "bytes");
  EXPECT_EQ(second.headers.fields(), first.headers.fields());
  EXPECT_EQ(Media("o", {{"Range", "bytes=1-2"}}).body, "yt");
  EXPECT_EQ(Media("o", {{"Range", "bytes=9-"}}).status, 416);
  EXPECT_EQ(Media("o", {{"If-None-Match", std::string(first.headers.Get("ETag"))}}).status, 304);
}

TEST_F(GcsReadyAnswers, WhatIsOutOfTheOrdinaryTakesThePool) {
  ASSERT_EQ(Put("o", "bytes").status, 200);
  ASSERT_EQ(Media("o").status, 200);
  EXPECT_EQ(WhereIs(std::string(kMedia) + "&generation=1"), Where::kPool);
  EXPECT_EQ(WhereIs(std::string(kMedia) + "&ifGenerationMatch=1"), Where::kPool);
  EXPECT_EQ(WhereIs(std::string(kMedia) + "&ifMetagenerationNotMatch=1"), Where::kPool);
  EXPECT_EQ(WhereIs("/bucket/o?acl"), Where::kPool);
  EXPECT_EQ(WhereIs(kMedia, "Origin"), Where::kPool);
  EXPECT_EQ(WhereIs("/storage/v1/b/bucket/o/o"), Where::kPool);
}

TEST_F(GcsReadyAnswers, ChangesAreSeenAtOnce) {
  for (const char* bytes : {"one", "two", "three"}) {
    ASSERT_EQ(Put("o", bytes).status, 200);
    EXPECT_EQ(Media("o").body, bytes);
    EXPECT_EQ(Media("o").body, bytes);
  }
  const std::string object = std::string(kObjects) + "/o";
  ASSERT_EQ(http.Call("PATCH", object, R"({"cacheControl":"no-store"})").status, 200);
  EXPECT_EQ(Media("o").headers.Get("Cache-Control"), "no-store");
  EXPECT_EQ(Media("o").headers.Get("X-Goog-Metageneration"), "2");
  ASSERT_EQ(http.Call("DELETE", object).status, 204);
  EXPECT_EQ(Media("o").status, 404);
}

TEST_F(GcsReadyAnswers, WhoMayReadIsAskedEachTime) {
  ASSERT_EQ(Put("o", "bytes").status, 200);
  ASSERT_EQ(Media("o").status, 200);
  ASSERT_EQ(WhereIs(kMedia), Where::kInline);
  http.authorizer.DenyProject("p");
  EXPECT_EQ(Media("o").status, 404);
  http.authorizer.AllowProject("p");
  const std::string policy = "/storage/v1/b/bucket/iam";
  const char* everybody =
      R"({"bindings":[{"role":"roles/storage.objectViewer","members":["allUsers"]}]})";
  ASSERT_EQ(http.Call("PUT", policy, everybody).status, 200);
  http.authorizer.DenyProject("p");
  EXPECT_EQ(Media("o").status, 200);
  EXPECT_EQ(Media("o", {{"Authorization", ""}}).status, 200);
  http.authorizer.AllowProject("p");
  ASSERT_EQ(http.Call("PUT", policy, R"({"bindings":[]})").status, 200);
  http.authorizer.DenyProject("p");
  EXPECT_EQ(Media("o").status, 404);
  EXPECT_EQ(Media("o", {{"Authorization", ""}}).status, 401);
}

}  // namespace
}  // namespace hodei::wire::gcs
