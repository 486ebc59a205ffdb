// Objects of the JSON API, except their bytes.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT

using GcsObjects = GcsFixture;

TEST_F(GcsObjects, ObjectResourceHasTheFieldsThatClientsRead) {
  const Json json = Put("a/b c", "hello").json();
  EXPECT_EQ(json["kind"], "storage#object");
  EXPECT_EQ(json["name"], "a/b c");
  EXPECT_EQ(json["size"], "5");
  EXPECT_EQ(json["md5Hash"], "XUFAKrxLKna5cZ2REBfFkg==");
  EXPECT_EQ(json["crc32c"], "mnG7TA==");
  EXPECT_TRUE(json["generation"].is_string());
  EXPECT_EQ(json["metageneration"], "1");
  EXPECT_EQ(json["selfLink"], "http://store.test:8080/storage/v1/b/bucket/o/a%2Fb%20c");
  EXPECT_EQ(json["id"], "bucket/a/b c/" + json["generation"].get<std::string>());
  EXPECT_THAT(json["timeCreated"].get<std::string>(),
              ::testing::MatchesRegex("....-..-..T..:..:..\\....Z"));
  const std::string link = json["mediaLink"].get<std::string>();
  EXPECT_EQ(http.Call("GET", link.substr(link.find("/download"))).body, "hello");
  EXPECT_EQ(Put("empty", "").json()["crc32c"], "AAAAAA==");
  EXPECT_EQ(Put("empty", "").json()["md5Hash"], "1B2M2Y8AsgTpgAmY7PhCfg==");
}

TEST_F(GcsObjects, NamesGoThroughUnchanged) {
  for (const std::string& name :
       {std::string("../../etc/passwd"), std::string("a%2Fb"), std::string("%252e%252e"),
        std::string("x/acl"), std::string("acl"), std::string("o/compose"), std::string("a+b c"),
        std::string("//"), std::string("a/"), std::string("\\"), std::string("?&=#"),
        std::string("\x01\x7f"), std::string("\xf0\x9f\x98\x80"), std::string(1024, 'n'),
        std::string("b/x/o/y/rewriteTo/b/z/o/w"), std::string("<script>\"'&")}) {
    ASSERT_EQ(Put(name, "of " + name).status, 200) << name;
    EXPECT_EQ(Media(name).body, "of " + name);
    EXPECT_EQ(Meta(name).json()["name"], name);
    EXPECT_EQ(http.Call("GET", "/bucket/" + PercentEncode(name)).body, "of " + name);
    ASSERT_EQ(http.Call("DELETE", fmt::format("{}/{}", kObjects, PercentEncode(name))).status, 204);
    EXPECT_EQ(Meta(name).status, 404);
  }
  EXPECT_EQ(Put(".", "x").status, 400);
  EXPECT_EQ(Put("..", "x").status, 400);
  EXPECT_EQ(Put(std::string("a\0b", 3), "x").status, 400);
  EXPECT_EQ(Put("a\nb", "x").status, 400);
  EXPECT_EQ(Put("\xff", "x").status, 400);
  EXPECT_EQ(Put(std::string(1025, 'n'), "x").status, 400);
  EXPECT_EQ(Reason(Put("", "x")), "required");
  // Slashes left as they are by lenient clients.
  ASSERT_EQ(Put("p/q/r", "x").status, 200);
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/o/p/q/r").json()["name"], "p/q/r");
}

TEST_F(GcsObjects, PreconditionsHaveTheirCodes) {
  const std::string generation = Put("o", "x").json()["generation"].get<std::string>();
  EXPECT_EQ(Reason(Put("o", "y", "&ifGenerationMatch=0")), "conditionNotMet");
  EXPECT_EQ(Put("o", "y", "&ifGenerationMatch=0").status, 412);
  EXPECT_EQ(Put("o", "y", "&ifGenerationMatch=x").status, 400);
  EXPECT_EQ(Put("new", "y", "&ifGenerationMatch=5").status, 412);
  const auto get = [&](const std::string& parameters) {
    return http.Call("GET", fmt::format("{}/o?{}", kObjects, parameters)).status;
  };
  EXPECT_EQ(get("ifGenerationMatch=" + generation), 200);
  EXPECT_EQ(get("ifGenerationMatch=1"), 412);
  EXPECT_EQ(get("ifGenerationNotMatch=" + generation), 304);
  EXPECT_EQ(get("ifMetagenerationMatch=2"), 412);
  EXPECT_EQ(get("generation=1"), 404);
  EXPECT_EQ(get("generation=" + generation), 200);
  EXPECT_EQ(get("generation=abc"), 400);
  const std::string etag(Media("o").headers.Get("ETag"));
  EXPECT_EQ(Media("o", {{"If-None-Match", etag}}).status, 304);
  EXPECT_EQ(Media("o", {{"If-None-Match", "\"other\""}}).status, 200);
  EXPECT_EQ(Media("o", {{"If-Match", "\"other\""}}).status, 412);
  EXPECT_EQ(http.Call("DELETE", fmt::format("{}/o?ifGenerationMatch=1", kObjects)).status, 412);
}

TEST_F(GcsObjects, FieldMasksCutTheAnswer) {
  ASSERT_EQ(Put("a", "x").status, 200);
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "?fields=items/name,nextPageToken").body,
            R"({"items":[{"name":"a"}]})");
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "/a?fields=name,size").body,
            R"({"name":"a","size":"1"})");
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "?fields=items(").status, 400);
}

TEST_F(GcsObjects, ListingLeavesOutEmptyLists) {
  const Json empty = http.Call("GET", kObjects).json();
  EXPECT_FALSE(empty.contains("items"));
  EXPECT_FALSE(empty.contains("prefixes"));
  for (const char* name : {"a/1", "a/2", "b"}) ASSERT_EQ(Put(name, "x").status, 200);
  const Json json = http.Call("GET", std::string(kObjects) + "?delimiter=/").json();
  EXPECT_EQ(json["items"].size(), 1u);
  EXPECT_EQ(json["prefixes"], Json::array({"a/"}));
  const Json first = http.Call("GET", std::string(kObjects) + "?maxResults=2").json();
  const Json second = http.Call("GET", fmt::format("{}?maxResults=2&pageToken={}", kObjects,
                                                   first["nextPageToken"].get<std::string>()))
                          .json();
  EXPECT_EQ(second["items"][0]["name"], "b");
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "?pageToken=junk").status, 400);
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "?maxResults=x").status, 400);
}

TEST_F(GcsObjects, PatchMergesAndPutReplaces) {
  ASSERT_EQ(Put("o", "x").status, 200);
  const std::string target = std::string(kObjects) + "/o";
  Json json = http.Call("PATCH", target, R"({"metadata":{"a":"1","b":"2"},"cacheControl":"c",
      "size":"999","generation":"1","md5Hash":"x","kind":"y"})")
                  .json();
  EXPECT_EQ(json["metageneration"], "2");
  EXPECT_EQ(json["size"], "1");
  json = http.Call("POST", target, R"({"metadata":{"a":null,"c":"3"}})",
                   {{"X-HTTP-Method-Override", "PATCH"}})
             .json();
  EXPECT_EQ(json["metadata"], (Json{{"b", "2"}, {"c", "3"}}));
  EXPECT_EQ(json["cacheControl"], "c");
  json = http.Call("PUT", target, R"({"contentType":"x/y"})").json();
  EXPECT_FALSE(json.contains("metadata"));
  EXPECT_FALSE(json.contains("cacheControl"));
  EXPECT_EQ(json["contentType"], "x/y");
  for (const char* body : {R"({"metadata":7})", R"({"metadata":{"a":7}})", R"({"contentType":7})",
                           R"({"temporaryHold":"yes"})", R"({"customTime":"today"})", "[1]", "{",
                           R"({"cacheControl":"a\r\nSet-Cookie: b"})"}) {
    EXPECT_EQ(http.Call("PATCH", target, body).status, 400) << body;
  }
  EXPECT_EQ(http.Call("PATCH", target, std::string(200, '[')).status, 400);
}

TEST_F(GcsObjects, ComposeRewriteCopyMove) {
  ASSERT_EQ(Put("1", "one ").status, 200);
  ASSERT_EQ(Put("2", "two").status, 200);
  Json json = http.Call("POST", std::string(kObjects) + "/all/compose",
                        R"({"sourceObjects":[{"name":"1"},{"name":"2"}],
                            "destination":{"md5Hash":"x","crc32c":"y"}})")
                  .json();
  EXPECT_EQ(json["componentCount"], 2);
  EXPECT_FALSE(json.contains("md5Hash"));
  EXPECT_EQ(json["contentType"], "text/plain");
  EXPECT_EQ(Media("all").body, "one two");
  EXPECT_EQ(http.Call("POST", std::string(kObjects) + "/x/compose", "{}").status, 400);
  for (const char* body : {"", "null", "{}"}) {
    json =
        http.Call("POST", std::string(kObjects) + "/all/rewriteTo/b/bucket/o/r%2Fw", body).json();
    EXPECT_EQ(json["done"], true);
    EXPECT_EQ(json["objectSize"], "7");
    EXPECT_EQ(json["resource"]["name"], "r/w");
  }
  json = http.Call("POST", std::string(kObjects) + "/all/copyTo/b/bucket/o/c",
                   R"({"metadata":{"k":"v"}})")
             .json();
  EXPECT_EQ(json["metadata"]["k"], "v");
  EXPECT_EQ(http.Call("POST", std::string(kObjects) + "/c/moveTo/o/d").status, 200);
  EXPECT_EQ(Meta("c").status, 404);
  EXPECT_EQ(Media("d").body, "one two");
}

TEST_F(GcsObjects, ARewriteMayTakeSeveralCalls) {
  const std::string bytes(3 * 1024 * 1024 + 5, 'x');
  http.piece_bytes = 1 << 20;
  ASSERT_EQ(Put("big", bytes).status, 200);
  const std::string rewrite =
      std::string(kObjects) + "/big/rewriteTo/b/bucket/o/copy?maxBytesRewrittenPerCall=1048576";
  Json answer = http.Call("POST", rewrite).json();
  int calls = 1;
  while (!answer["done"].get<bool>()) {
    EXPECT_EQ(answer["totalBytesRewritten"], std::to_string(calls * 1048576));
    EXPECT_EQ(answer["objectSize"], std::to_string(bytes.size()));
    EXPECT_EQ(Meta("copy").status, 404);
    const std::string token = answer["rewriteToken"];
    EXPECT_EQ(Reason(http.Call("POST", std::string(kObjects) +
                                           "/big/rewriteTo/b/bucket/o/else?rewriteToken=" + token)),
              "invalid");
    answer = http.Call("POST", rewrite + "&rewriteToken=" + token).json();
    ASSERT_LT(++calls, 10);
  }
  EXPECT_EQ(calls, 4);
  EXPECT_EQ(answer["resource"]["size"], std::to_string(bytes.size()));
  EXPECT_EQ(Media("copy").body.size(), bytes.size());
  EXPECT_EQ(http.Call("POST", std::string(kObjects) +
                                  "/big/rewriteTo/b/bucket/o/x?maxBytesRewrittenPerCall=1000")
                .status,
            400);
  EXPECT_EQ(http.Call("POST", rewrite + "&rewriteToken=garbage").status, 400);
}

TEST_F(GcsObjects, EtagsGuardChanges) {
  ASSERT_EQ(Put("o", "x").status, 200);
  const std::string etag = Meta("o").json()["etag"];
  const std::string object = std::string(kObjects) + "/o";
  EXPECT_EQ(http.Call("PATCH", object, "{}", {{"If-Match", "\"no\""}}).status, 412);
  EXPECT_EQ(http.Call("PATCH", object, "{}", {{"If-Match", "\"" + etag + "\""}}).status, 200);
  EXPECT_EQ(http.Call("DELETE", object, "", {{"If-Match", etag}}).status, 412);
  EXPECT_EQ(http.Call("DELETE", object, "", {{"If-Match", Meta("o").json()["etag"]}}).status, 204);
}

TEST_F(GcsObjects, ObjectsStoredWithAKeyNeedItAgain) {
  const auto key = [](const std::string& prefix, char byte) {
    const std::string raw(32, byte);
    return GcsCaller::HeaderList{{prefix + "algorithm", "AES256"},
                                 {prefix + "key", Base64Encode(raw)},
                                 {prefix + "key-sha256", Base64Encode(Sha256(raw))}};
  };
  const GcsCaller::HeaderList own = key("x-goog-encryption-", 'k');
  const std::string upload = std::string(kUpload) + "?uploadType=media&name=o";
  ASSERT_EQ(http.Call("POST", upload, "secret", own).status, 200);
  const Json shown = Meta("o").json();
  EXPECT_EQ(shown["customerEncryption"]["encryptionAlgorithm"], "AES256");
  EXPECT_FALSE(shown.contains("md5Hash"));
  EXPECT_FALSE(shown.contains("crc32c"));
  EXPECT_TRUE(http.Call("GET", std::string(kObjects) + "/o", "", own).json().contains("md5Hash"));
  EXPECT_EQ(Reason(Media("o")), "resourceIsEncryptedWithCustomerEncryptionKey");
  EXPECT_EQ(Reason(Media("o", key("x-goog-encryption-", 'x'))), "customerEncryptionKeyIsIncorrect");
  EXPECT_EQ(Media("o", own).body, "secret");
  EXPECT_EQ(http.Call("GET", "/bucket/o").status, 400);
  const std::string copy = std::string(kObjects) + "/o/rewriteTo/b/bucket/o/plain";
  EXPECT_EQ(http.Call("POST", copy).status, 400);
  EXPECT_EQ(http.Call("POST", copy, "", key("x-goog-copy-source-encryption-", 'k')).status, 200);
  EXPECT_EQ(Media("plain").body, "secret");
  GcsCaller::HeaderList bad = own;
  bad[2].second = "AAAA";
  EXPECT_EQ(http.Call("POST", upload, "secret", bad).status, 400);
}

TEST_F(GcsObjects, NoncurrentGenerationsAreRestored) {
  ASSERT_EQ(http.Call("PATCH", "/storage/v1/b/bucket", R"({"versioning":{"enabled":true}})").status,
            200);
  const std::string first = Put("o", "one").json()["generation"];
  ASSERT_EQ(Put("o", "two").status, 200);
  EXPECT_EQ(http.Call("POST", std::string(kObjects) + "/o/restore").status, 400);
  const Answered restored =
      http.Call("POST", std::string(kObjects) + "/o/restore?generation=" + first);
  EXPECT_EQ(restored.status, 200) << restored.body;
  EXPECT_NE(restored.json()["generation"], first);
  EXPECT_EQ(Media("o").body, "one");
  EXPECT_EQ(http.Call("POST", std::string(kObjects) + "/o/restore?generation=1").status, 404);
}

}  // namespace
}  // namespace hodei::wire::gcs
