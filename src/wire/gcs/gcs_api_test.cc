// The protocols end to end, without sockets.
#include "wire/gcs/gcs_api.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_caller.h"

namespace hodei::wire::gcs {
namespace {

using ::hodei::wire::gcs::testing::Answered;
using ::hodei::wire::gcs::testing::GcsCaller;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::Le;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kObjects[] = "/storage/v1/b/bucket/o";
constexpr char kUpload[] = "/upload/storage/v1/b/bucket/o";

class Gcs : public ::testing::Test {
 protected:
  void SetUp() override {
    const Answered made = http.Call("POST", "/storage/v1/b?project=p", R"({"name":"bucket"})");
    ASSERT_EQ(made.status, 200) << made.body;
  }

  Answered Put(const std::string& name, const std::string& bytes,
               const std::string& parameters = "", const std::string& type = "text/plain") {
    return http.Call(
        "POST",
        fmt::format("{}?uploadType=media&name={}{}", kUpload, PercentEncode(name), parameters),
        bytes, {{"Content-Type", type}});
  }
  Answered Media(const std::string& name, const GcsCaller::HeaderList& headers = {}) {
    return http.Call("GET", fmt::format("{}/{}?alt=media", kObjects, PercentEncode(name)), "",
                     headers);
  }
  Answered Meta(const std::string& name) {
    return http.Call("GET", fmt::format("{}/{}", kObjects, PercentEncode(name)));
  }
  // The path and query of a new session.
  std::string StartSession(const std::string& name, const GcsCaller::HeaderList& headers = {},
                           const std::string& parameters = "") {
    const Answered started = http.Call(
        "POST",
        fmt::format("{}?uploadType=resumable&name={}{}", kUpload, PercentEncode(name), parameters),
        "", headers);
    EXPECT_EQ(started.status, 200) << started.body;
    std::string location(started.headers.Get("Location"));
    EXPECT_THAT(location, StartsWith("http://store.test:8080/upload/storage/v1/b/bucket/o?"));
    return location.substr(std::string("http://store.test:8080").size());
  }
  Answered Send(const std::string& session, const std::string& range, const std::string& bytes,
                GcsCaller::HeaderList headers = {}) {
    headers.emplace_back("Content-Range", range);
    return http.Call("PUT", session, bytes, headers);
  }

  GcsCaller http;
};

std::string Reason(const Answered& answered) {
  const Json json = answered.json();
  if (!json.is_object() || !json.contains("error")) return "none";
  return json["error"]["errors"][0]["reason"].get<std::string>();
}

TEST_F(Gcs, EveryRootAsksForACredential) {
  for (const char* target :
       {"/storage/v1/b?project=p", "/storage/v1/b/bucket", "/storage/v1/b/bucket/o",
        "/storage/v1/b/bucket/o/x?alt=media", "/download/storage/v1/b/bucket/o/x",
        "/upload/storage/v1/b/bucket/o?uploadType=media&name=x", "/storage/v1/nonsense",
        "/resumable/upload/storage/v1/b/bucket/o?uploadType=resumable&name=x", "/batch/storage/v1",
        "/bucket", "/bucket/x", "/", "/storage/v1/b/%zz"}) {
    for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"}) {
      for (const char* credential : {"", "Bearer ", "Bearer wrong", "Basic YTpi"}) {
        const Answered answered = http.Call(method, target, "", {{"Authorization", credential}});
        EXPECT_EQ(answered.status, 401) << method << " " << target << " '" << credential << "'";
      }
    }
  }
}

TEST_F(Gcs, StrangersSeeNoBucket) {
  ASSERT_EQ(Put("x", "secret").status, 200);
  http.authorizer.DenyProject("p");
  for (const char* target : {"/storage/v1/b/bucket", "/storage/v1/b/bucket/o",
                             "/storage/v1/b/bucket/o/x", "/storage/v1/b/bucket/o/x?alt=media",
                             "/storage/v1/b/bucket/iam", "/storage/v1/b/bucket/storageLayout"}) {
    const Answered there = http.Call("GET", target);
    std::string absent_target = target;
    absent_target.replace(absent_target.find("bucket"), 6, "absent");
    const Answered absent = http.Call("GET", absent_target);
    EXPECT_EQ(there.status, 404) << target;
    EXPECT_EQ(there.body, absent.body) << target;
  }
  EXPECT_EQ(Put("x", "overwrite").status, 404);
  EXPECT_EQ(http.Call("DELETE", "/storage/v1/b/bucket/o/x").status, 404);
}

TEST_F(Gcs, MissingPermissionsAreForbidden) {
  ASSERT_EQ(Put("x", "bytes").status, 200);
  http.authorizer.Deny("storage.objects.create");
  http.authorizer.Deny("storage.objects.delete");
  EXPECT_EQ(Put("y", "bytes").status, 403);
  EXPECT_EQ(http.Call("DELETE", "/storage/v1/b/bucket/o/x").status, 403);
  EXPECT_EQ(Media("x").body, "bytes");
}

TEST_F(Gcs, ObjectResourceHasTheFieldsThatClientsRead) {
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

TEST_F(Gcs, NamesGoThroughUnchanged) {
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

struct MultipartCase {
  const char* what;
  const char* content_type;
  std::string body;
  int status;
  std::string bytes;
};

TEST_F(Gcs, MultipartBodiesOfAllClients) {
  const std::string meta = R"({"name":"m","contentType":"a/b"})";
  const std::vector<MultipartCase> cases = {
      {"CRLF", "multipart/related; boundary=B",
       "--B\r\nContent-Type: application/json\r\n\r\n" + meta +
           "\r\n--B\r\nContent-Type: x/y\r\n\r\ndata\r\n--B--\r\n",
       200, "data"},
      {"apitools: bare LF, single quotes", "multipart/related; boundary='===12=='",
       "--===12==\nContent-Type: application/json\nMIME-Version: 1.0\n\n" + meta +
           "\n--===12==\nContent-Type: x/y\nMIME-Version: 1.0\n"
           "Content-Transfer-Encoding: binary\n\nline\n\n--===12==--",
       200, "line\n"},
      {"gcsfs: double quotes, no trailing newline", "multipart/related; boundary=\"==0==\"",
       "--==0==\nContent-Type: application/json; charset=UTF-8\n\n" + meta +
           "\n--==0==\nContent-Type: x/y\n\ndata\r\n\n--==0==--",
       200, "data\r\n"},
      {"Go: media part without headers", "multipart/related; boundary=B",
       "--B\r\nContent-Type: application/json\r\n\r\n" + meta +
           "\n\r\n--B\r\n\r\ndata\r\n--B--\r\n",
       200, "data"},
      {"no data", "multipart/related; boundary=B",
       "--B\r\n\r\n" + meta + "\r\n--B\r\n\r\n\r\n--B--", 200, ""},
      {"data full of near delimiters", "multipart/related; boundary=B",
       "--B\r\n\r\n" + meta + "\r\n--B\r\n\r\n\r\n--BX\r\n-\r\n--\r\n--C--\r\n--B--\r\n", 200,
       "\r\n--BX\r\n-\r\n--\r\n--C--"},
      {"preamble", "multipart/related; boundary=B",
       "hello\r\n--B\r\n\r\n" + meta + "\r\n--B\r\n\r\nx\r\n--B--\r\nbye", 200, "x"},
      {"no closing delimiter", "multipart/related; boundary=B",
       "--B\r\n\r\n" + meta + "\r\n--B\r\n\r\nhalf", 400, ""},
      {"no boundary", "multipart/related", "--B\r\n\r\n{}\r\n--B--", 400, ""},
      {"one part", "multipart/related; boundary=B", "--B\r\n\r\n" + meta + "\r\n--B--", 400, ""},
      {"three parts", "multipart/related; boundary=B",
       "--B\r\n\r\n" + meta + "\r\n--B\r\n\r\nx\r\n--B\r\n\r\ny\r\n--B--", 400, ""},
      {"bad json", "multipart/related; boundary=B",
       "--B\r\n\r\n{\"name\":\r\n--B\r\n\r\nx\r\n--B--", 400, ""},
      {"wrong md5", "multipart/related; boundary=B",
       "--B\r\n\r\n{\"name\":\"m\",\"md5Hash\":\"XUFAKrxLKna5cZ2REBfFkg==\"}"
       "\r\n--B\r\n\r\nx\r\n--B--",
       400, ""},
      {"empty", "multipart/related; boundary=B", "", 400, ""},
  };
  for (const size_t piece : {1, 2, 3, 5, 8, 100'000}) {
    http.piece_bytes = piece;
    for (const MultipartCase& c : cases) {
      SCOPED_TRACE(fmt::format("{} in pieces of {}", c.what, piece));
      const Answered answered = http.Call("POST", fmt::format("{}?uploadType=multipart", kUpload),
                                          c.body, {{"Content-Type", c.content_type}});
      EXPECT_EQ(answered.status, c.status) << answered.body;
      if (c.status == 200) {
        EXPECT_EQ(Media("m").body, c.bytes);
        EXPECT_EQ(Meta("m").json()["contentType"], "a/b");
        http.Call("DELETE", "/storage/v1/b/bucket/o/m");
      } else {
        EXPECT_EQ(Meta("m").status, 404);
      }
    }
  }
}

TEST_F(Gcs, BodiesCutShortLeaveNothing) {
  ASSERT_EQ(Put("kept", "old").status, 200);
  http.CallAndDrop("POST", fmt::format("{}?uploadType=media&name=kept", kUpload), "half of it", {});
  http.CallAndDrop("POST", fmt::format("{}?uploadType=media&name=new", kUpload), "half of it", {});
  http.CallAndDrop("PUT", "/bucket/new", "half of it", {});
  EXPECT_EQ(Media("kept").body, "old");
  EXPECT_EQ(Meta("new").status, 404);
}

struct RangeCase {
  const char* range;
  int status;
  const char* body;
  const char* content_range;
};

TEST_F(Gcs, DownloadRanges) {
  ASSERT_EQ(Put("r", "0123456789").status, 200);
  ASSERT_EQ(Put("empty", "").status, 200);
  const std::vector<RangeCase> cases = {
      {"bytes=0-3", 206, "0123", "bytes 0-3/10"},
      {"bytes=4-", 206, "456789", "bytes 4-9/10"},
      {"bytes=-3", 206, "789", "bytes 7-9/10"},
      {"bytes=-100", 206, "0123456789", "bytes 0-9/10"},
      {"bytes=8-99999999999999999999999", 206, "89", "bytes 8-9/10"},
      {"bytes=9-9", 206, "9", "bytes 9-9/10"},
      {"bytes=10-", 416, nullptr, "bytes */10"},
      {"bytes=99999999999999999999999-", 416, nullptr, "bytes */10"},
      {"bytes=-0", 416, nullptr, "bytes */10"},
      {"bytes=5-2", 200, "0123456789", ""},
      {"bytes=a-b", 200, "0123456789", ""},
      {"bytes=-", 200, "0123456789", ""},
      {"bytes=0-1,3-4", 200, "0123456789", ""},
      {"lines=0-1", 200, "0123456789", ""},
      {"bytes=+1-2", 200, "0123456789", ""},
  };
  for (const RangeCase& c : cases) {
    for (const std::string& target :
         {std::string("/storage/v1/b/bucket/o/r?alt=media"),
          std::string("/download/storage/v1/b/bucket/o/r"), std::string("/bucket/r")}) {
      const Answered answered = http.Call("GET", target, "", {{"Range", c.range}});
      EXPECT_EQ(answered.status, c.status) << c.range;
      EXPECT_TRUE(c.body == nullptr || answered.body == c.body) << c.range << answered.body;
      EXPECT_EQ(answered.headers.Get("Content-Range"), c.content_range) << c.range;
    }
  }
  EXPECT_EQ(Media("empty", {{"Range", "bytes=0-"}}).status, 416);
  EXPECT_EQ(Media("empty").status, 200);
}

TEST_F(Gcs, ResumableUploadInChunks) {
  const std::string session = StartSession("r", {{"X-Upload-Content-Type", "x/y"}});
  Answered answered = Send(session, "bytes */*", "");
  EXPECT_EQ(answered.status, 308);
  EXPECT_FALSE(answered.headers.Has("Range"));
  answered = Send(session, "bytes 0-3/*", "0123");
  EXPECT_EQ(answered.status, 308);
  EXPECT_EQ(answered.headers.Get("Range"), "bytes=0-3");
  // Bytes sent again are skipped; a hole is refused.
  answered = Send(session, "bytes 2-5/10", "2345", {{"X-GUploader-No-308", "yes"}});
  EXPECT_EQ(answered.status, 200);
  EXPECT_EQ(answered.headers.Get("X-HTTP-Status-Code-Override"), "308");
  EXPECT_EQ(answered.headers.Get("Range"), "bytes=0-5");
  EXPECT_EQ(Send(session, "bytes 7-9/10", "789").status, 400);
  answered = Send(session, "bytes */10", "");
  EXPECT_EQ(answered.headers.Get("Range"), "bytes=0-5");
  EXPECT_EQ(Meta("r").status, 404);
  answered = Send(session + "&key=AIza", "bytes 6-9/10", "6789");
  EXPECT_EQ(answered.status, 200) << answered.body;
  EXPECT_EQ(answered.json()["contentType"], "x/y");
  EXPECT_EQ(Media("r").body, "0123456789");
  answered = Send(session, "bytes */10", "");
  EXPECT_EQ(answered.status, 200);
  EXPECT_EQ(answered.json()["name"], "r");
}

TEST_F(Gcs, ResumableUploadVariants) {
  EXPECT_EQ(http.Call("PUT", StartSession("whole"), "all of it").status, 200);
  EXPECT_EQ(Media("whole").body, "all of it");
  EXPECT_EQ(http.Call("POST", StartSession("post"), "by post").status, 200);
  EXPECT_EQ(http.Call("PUT", StartSession("none"), "").status, 200);
  EXPECT_EQ(Media("none").body, "");
  EXPECT_EQ(Send(StartSession("zero"), "bytes */0", "").status, 200);
  EXPECT_EQ(Send(StartSession("open"), "bytes 0-*/*", "open end").status, 200);
  EXPECT_EQ(Media("open").body, "open end");
  const std::string finalised = StartSession("finalised");
  EXPECT_EQ(Send(finalised, "bytes 0-3/*", "0123").status, 308);
  EXPECT_EQ(Send(finalised, "bytes */4", "").status, 200);
  const std::string cancelled = StartSession("cancelled");
  EXPECT_EQ(http.Call("DELETE", cancelled).status, 499);
  EXPECT_EQ(Send(cancelled, "bytes */*", "").status, 404);
}

TEST_F(Gcs, ResumableUploadRefusals) {
  const std::string session = StartSession("r");
  for (const char* range :
       {"bytes 3-2/*", "bytes 0-9/5", "bytes 0-3/", "bytes 0-", "bytes -1-3/*", "0-3/*", "bytes",
        "bytes 0-3/x", "bytes 18446744073709551616-18446744073709551617/*",
        "bytes 0-18446744073709551615/*", "bytes a-b/c", "bytes 0 - 3/*"}) {
    EXPECT_EQ(Send(session, range, "0123").status, 400) << range;
  }
  EXPECT_EQ(Send(session, "bytes 0-9/*", "short").status, 400);
  EXPECT_EQ(Send(session, "bytes 0-1/*", "longer than said").status, 400);
  EXPECT_EQ(Send(session, "bytes */*", "a body").status, 400);
  EXPECT_EQ(Send(session, "bytes */*", "", {{"Authorization", "Bearer eve"}}).status, 404);
  EXPECT_EQ(Send(std::string(kUpload) + "?upload_id=guess", "bytes */*", "").status, 404);
  EXPECT_EQ(Meta("r").status, 404);
  const std::string hashed = StartSession("h", {{"x-goog-hash", "crc32c=AAAAAA=="}});
  EXPECT_EQ(http.Call("PUT", hashed, "not empty").status, 400);
  EXPECT_EQ(Meta("h").status, 404);
  EXPECT_EQ(http.Call("PUT", StartSession("l"), "x", {{"x-goog-hash", "md5=AAAA"}}).status, 400);
  ASSERT_EQ(Put("there", "x").status, 200);
  EXPECT_EQ(http.Call("POST", fmt::format("{}?uploadType=resumable&name=there&ifGenerationMatch=0",
                                          kUpload))
                .status,
            412);
  EXPECT_EQ(http.Call("POST", "/upload/storage/v1/b/absent/o?uploadType=resumable&name=x").status,
            404);
}

TEST_F(Gcs, ADroppedChunkIsCreditedTruthfully) {
  const std::string session = StartSession("r");
  http.piece_bytes = 4;
  http.CallAndDrop("PUT", session, "01234567", {{"Content-Range", "bytes 0-99/100"}});
  const Answered status = Send(session, "bytes */100", "");
  EXPECT_EQ(status.status, 308);
  EXPECT_EQ(status.headers.Get("Range"), "bytes=0-7");
}

TEST_F(Gcs, PreconditionsHaveTheirCodes) {
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

TEST_F(Gcs, FieldMasksCutTheAnswer) {
  ASSERT_EQ(Put("a", "x").status, 200);
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "?fields=items/name,nextPageToken").body,
            R"({"items":[{"name":"a"}]})");
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "/a?fields=name,size").body,
            R"({"name":"a","size":"1"})");
  EXPECT_EQ(http.Call("GET", std::string(kObjects) + "?fields=items(").status, 400);
}

TEST_F(Gcs, ListingLeavesOutEmptyLists) {
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

TEST_F(Gcs, PatchMergesAndPutReplaces) {
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

TEST_F(Gcs, BucketsRoundTripTheirSettings) {
  const std::string target = "/storage/v1/b/bucket";
  Json json = http.Call("PATCH", target, R"({"labels":{"k":"v"},"versioning":{"enabled":true},
      "lifecycle":{"rule":[{"action":{"type":"Delete"},"condition":{"age":30}}]},
      "iamConfiguration":{"uniformBucketLevelAccess":{"enabled":true}},
      "cors":[{"origin":["*"],"maxAgeSeconds":3600}]})")
                  .json();
  EXPECT_EQ(json["metageneration"], "2");
  EXPECT_EQ(json["lifecycle"]["rule"][0]["condition"]["age"], 30);
  EXPECT_EQ(json["iamConfiguration"]["bucketPolicyOnly"]["enabled"], true);
  json = http.Call("PATCH", target, R"({"labels":{"k":null},"lifecycle":null})").json();
  EXPECT_FALSE(json.contains("labels"));
  EXPECT_FALSE(json.contains("lifecycle"));
  EXPECT_EQ(json["versioning"]["enabled"], true);
  EXPECT_EQ(http.Call("POST", "/storage/v1/b?project=p", R"({"name":"bucket"})").status, 409);
  EXPECT_EQ(Reason(http.Call("POST", "/storage/v1/b", R"({"name":"other"})")), "required");
  EXPECT_EQ(http.Call("POST", "/storage/v1/b?project=p", R"({"name":"Bad_"})").status, 400);
  ASSERT_EQ(Put("o", "x").status, 200);
  EXPECT_EQ(http.Call("DELETE", target).status, 409);
  EXPECT_EQ(http.Call("GET", target + "?ifMetagenerationNotMatch=3").status, 304);
  EXPECT_EQ(http.Call("PATCH", target + "?ifMetagenerationMatch=1", "{}").status, 412);
}

TEST_F(Gcs, ComposeRewriteCopyMove) {
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

TEST_F(Gcs, BatchAnswersEachPart) {
  ASSERT_EQ(Put("a", "x").status, 200);
  const std::string body =
      "--B\nContent-Type: application/http\nContent-ID: <id+1>\n\n"
      "DELETE /storage/v1/b/bucket/o/a HTTP/1.1\n\n\n"
      "--B\r\nContent-Type: application/http\r\nContent-ID: <id+2>\r\n\r\n"
      "DELETE http://other/storage/v1/b/bucket/o/absent\r\n\r\n\r\n"
      "--B\r\nContent-Type: application/http\r\n\r\n"
      "POST /batch/storage/v1\r\n\r\n\r\n"
      "--B\r\nContent-Type: application/http\r\n\r\nnonsense\r\n"
      "--B--";
  const Answered answered = http.Call("POST", "/batch/storage/v1", body,
                                      {{"Content-Type", "multipart/mixed; boundary=\"B\""}});
  EXPECT_EQ(answered.status, 200) << answered.body;
  EXPECT_THAT(answered.headers.Get("Content-Type"), StartsWith("multipart/mixed; boundary=batch_"));
  EXPECT_THAT(answered.body, AllOf(HasSubstr("Content-ID: <response-id+1>\r\n\r\nHTTP/1.1 204"),
                                   HasSubstr("Content-ID: <response-id+2>\r\n\r\nHTTP/1.1 404"),
                                   HasSubstr("HTTP/1.1 400")));
  EXPECT_EQ(Meta("a").status, 404);
  EXPECT_EQ(http.Call("POST", "/batch/storage/v1", "x").status, 400);
}

TEST_F(Gcs, ActiveContentIsDefused) {
  ASSERT_EQ(Put("page", "<script>alert(1)</script>", "", "text/html").status, 200);
  ASSERT_EQ(Put("pic", "<svg onload=alert(1)>", "", "image/svg+xml").status, 200);
  for (const char* name : {"page", "pic"}) {
    const Answered answered = Media(name);
    EXPECT_EQ(answered.headers.Get("X-Content-Type-Options"), "nosniff");
    EXPECT_THAT(std::string(answered.headers.Get("Content-Security-Policy")), HasSubstr("sandbox"));
    EXPECT_EQ(answered.headers.Get("Content-Disposition"), "attachment");
  }
  EXPECT_THAT(Meta("<b>").body, Not(HasSubstr("<b>")));
}

TEST_F(Gcs, StoredHeadersCannotSplitTheResponse) {
  ASSERT_EQ(Put("o", "x", "", "text/plain\r\nX-Evil: 1").status, 200);
  const Answered answered = Media("o");
  for (const auto& [name, value] : answered.headers.fields()) {
    EXPECT_EQ(value.find_first_of("\r\n"), std::string::npos) << name;
    EXPECT_NE(name, "X-Evil");
  }
}

TEST_F(Gcs, GzipIsInflatedForWhoCannotTakeIt) {
  // gzip of "hello\n".
  const std::string zipped = *HexDecode("1f8b0800000000000003cb48cdc9c9e7020020303a3606000000");
  ASSERT_EQ(Put("z", zipped, "&contentEncoding=gzip").status, 200);
  Answered answered = Media("z");
  EXPECT_EQ(answered.body, "hello\n");
  EXPECT_FALSE(answered.headers.Has("Content-Encoding"));
  EXPECT_EQ(answered.headers.Get("X-Goog-Stored-Content-Length"), std::to_string(zipped.size()));
  answered = Media("z", {{"Accept-Encoding", "gzip"}});
  EXPECT_EQ(answered.body, zipped);
  EXPECT_EQ(answered.headers.Get("Content-Encoding"), "gzip");
  const std::string body = "--B\n\n{\"name\":\"t\"}\n--B\n\nhello\n\n--B--";
  EXPECT_EQ(
      http.Call("POST", std::string(kUpload) + "?uploadType=multipart", "not gzip",
                {{"Content-Type", "multipart/related; boundary=B"}, {"Content-Encoding", "gzip"}})
          .status,
      400);
}

TEST_F(Gcs, AccessListsAndPolicies) {
  ASSERT_EQ(Put("o", "x").status, 200);
  const std::string acl = std::string(kObjects) + "/o/acl";
  Json json = http.Call("POST", acl, R"({"entity":"allUsers","role":"READER"})").json();
  EXPECT_EQ(json["role"], "READER");
  EXPECT_EQ(http.Call("GET", acl + "/allUsers").json()["entity"], "allUsers");
  EXPECT_EQ(http.Call("GET", acl).json()["items"].size(), 1u);
  EXPECT_EQ(http.Call("DELETE", acl + "/allUsers").status, 204);
  EXPECT_EQ(http.Call("GET", acl + "/allUsers").status, 404);
  const std::string iam = "/storage/v1/b/bucket/iam";
  json = http.Call("GET", iam).json();
  json["bindings"].push_back(Json{{"role", "roles/storage.objectViewer"}, {"members", {"user:a"}}});
  EXPECT_EQ(http.Call("PUT", iam, json.dump()).json()["bindings"].size(), 3u);
  EXPECT_EQ(http.Call("PUT", iam, json.dump()).status, 412);
  EXPECT_EQ(http.Call("GET", iam + "/testPermissions?permissions=a.b&permissions=c.d")
                .json()["permissions"],
            Json::array({"a.b", "c.d"}));
}

TEST_F(Gcs, XmlObjectsAndListing) {
  Answered answered = http.Call("PUT", "/bucket/a/b", "xml bytes",
                                {{"Content-Type", "x/y"}, {"x-goog-meta-Key", "value"}});
  EXPECT_EQ(answered.status, 200);
  answered = http.Call("GET", "/bucket/a%2Fb");
  EXPECT_EQ(answered.body, "xml bytes");
  EXPECT_EQ(answered.headers.Get("x-goog-meta-key"), "value");
  answered = http.Call("HEAD", "/bucket/a/b");
  EXPECT_EQ(answered.status, 200);
  EXPECT_EQ(answered.body, "");
  EXPECT_EQ(answered.headers.Get("Content-Length"), "9");
  EXPECT_EQ(http.Call("PUT", "/bucket/c", "", {{"x-goog-copy-source", "/bucket/a/b"}}).status, 200);
  answered = http.Call("GET", "/bucket?delimiter=/");
  EXPECT_THAT(answered.body, AllOf(HasSubstr("<Key>c</Key>"), HasSubstr("<Prefix>a/</Prefix>")));
  EXPECT_THAT(http.Call("GET", "/bucket/none").body, HasSubstr("<Code>NoSuchKey</Code>"));
  EXPECT_THAT(http.Call("GET", "/absent/none").body, HasSubstr("<Code>NoSuchBucket</Code>"));
  EXPECT_EQ(http.Call("DELETE", "/bucket/c").status, 204);
  EXPECT_EQ(
      http.Call("PUT", "/bucket/c", "x", {{"Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="}}).status,
      400);
  answered = http.Call("POST", "/bucket/s", "", {{"x-goog-resumable", "start"}});
  EXPECT_EQ(answered.status, 201);
  const std::string location(answered.headers.Get("Location"));
  EXPECT_EQ(http.Call("PUT", location.substr(location.find("/bucket")), "session").status, 200);
  EXPECT_EQ(Media("s").body, "session");
}

TEST_F(Gcs, ProbesOfClientsAreAnswered) {
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/storageLayout").json()["bucket"], "bucket");
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/managedFolders?pageSize=1000").json()["kind"],
            "storage#managedFolders");
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/notificationConfigs").json()["kind"],
            "storage#notifications");
  EXPECT_EQ(http.Call("GET", "/storage/v1/projects/p/serviceAccount").json()["kind"],
            "storage#serviceAccount");
  EXPECT_EQ(http.Call("GET", "/storage/v1/b?project=%3Cnone%3E").status, 200);
  EXPECT_EQ(http.Call("GET", "/storage/v2/b").status, 404);
  EXPECT_EQ(Reason(http.Call("POST", std::string(kUpload) + "?uploadType=odd&name=x")), "invalid");
}

}  // namespace
}  // namespace hodei::wire::gcs
