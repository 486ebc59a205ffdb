// The XML API.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT
using ::testing::AllOf;
using ::testing::HasSubstr;

using GcsXml = GcsFixture;

TEST_F(GcsXml, XmlObjectsAndListing) {
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

TEST_F(GcsXml, SettingsGoInAndComeOut) {
  const std::vector<std::pair<std::string, std::string>> settings = {
      {"versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"},
      {"cors",
       "<CorsConfig><Cors><Origins><Origin>http://a&amp;b</Origin></Origins><Methods><Method>GET"
       "</Method></Methods><ResponseHeaders><ResponseHeader>X</ResponseHeader></ResponseHeaders>"
       "<MaxAgeSec>5</MaxAgeSec></Cors></CorsConfig>"},
      {"lifecycle",
       "<LifecycleConfiguration><Rule><Action><Delete/></Action><Condition><Age>30</Age><IsLive>"
       "false</IsLive><MatchesPrefix>a/</MatchesPrefix><NumberOfNewerVersions>3"
       "</NumberOfNewerVersions></Condition></Rule></LifecycleConfiguration>"},
      {"websiteConfig",
       "<WebsiteConfiguration><MainPageSuffix>i.html</MainPageSuffix><NotFoundPage>404.html"
       "</NotFoundPage></WebsiteConfiguration>"},
      {"logging", "<Logging><LogBucket>l</LogBucket></Logging>"},
      {"tagging", "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>"},
      {"acl",
       "<AccessControlList><Owner/><Entries><Entry><Scope type='AllUsers'/><Permission>READ"
       "</Permission></Entry></Entries></AccessControlList>"}};
  for (const auto& [name, document] : settings) {
    EXPECT_EQ(http.Call("PUT", "/bucket?" + name, document).status, 200) << name;
    const Answered got = http.Call("GET", "/bucket?" + name);
    EXPECT_EQ(got.status, 200) << name;
    EXPECT_THAT(got.body, HasSubstr(document)) << name;
    EXPECT_EQ(http.Call("PUT", "/bucket?" + name, "<Other/>").status, 400) << name;
    EXPECT_EQ(http.Call("PUT", "/bucket?" + name, "no xml").status, 400) << name;
  }
  EXPECT_EQ(
      http.Call("GET", "/storage/v1/b/bucket").json()["lifecycle"]["rule"][0]["condition"]["age"],
      30);
  EXPECT_EQ(http.Call("DELETE", "/bucket?cors").status, 204);
  EXPECT_THAT(http.Call("GET", "/bucket?cors").body, HasSubstr("<CorsConfig></CorsConfig>"));
  EXPECT_EQ(http.Call("PUT", "/bucket?acl", "", {{"x-goog-acl", "private"}}).status, 200);
  EXPECT_THAT(http.Call("GET", "/bucket?acl").body, HasSubstr("<Entries></Entries>"));
  EXPECT_THAT(http.Call("GET", "/bucket?location").body, HasSubstr(">US<"));
  EXPECT_EQ(http.Call("PUT", "/bucket?billing", "<x/>").status, 501);
}

TEST_F(GcsXml, ListsGoOnWhereTheyStopped) {
  for (const char* name : {"a", "b/1", "b/2", "c", "d<&>"}) ASSERT_EQ(Put(name, "x").status, 200);
  std::string marker;
  std::string names;
  for (int page = 0; page < 10; ++page) {
    const std::string body =
        http.Call("GET", "/bucket?delimiter=/&max-keys=1&marker=" + PercentEncode(marker)).body;
    for (const char* tag : {"<Key>", "<CommonPrefixes><Prefix>"}) {
      const size_t at = body.find(tag);
      if (at == std::string::npos) continue;
      const size_t from = at + std::string(tag).size();
      names += body.substr(from, body.find('<', from) - from) + " ";
    }
    const size_t next = body.find("<NextMarker>");
    if (next == std::string::npos) break;
    marker = body.substr(next + 12, body.find('<', next + 12) - next - 12);
  }
  EXPECT_EQ(names, "a b/ c d&lt;&amp;&gt; ");
  const std::string second = http.Call("GET", "/bucket?list-type=2&max-keys=2&start-after=a").body;
  EXPECT_THAT(second, AllOf(HasSubstr("<KeyCount>2</KeyCount>"), HasSubstr("<Key>b/1</Key>"),
                            HasSubstr("<IsTruncated>true</IsTruncated>")));
}

TEST_F(GcsXml, BucketsHaveHostsOfTheirOwn) {
  http.host = "bucket.storage.googleapis.com";
  EXPECT_EQ(http.Call("PUT", "/storage/v1/b", "bytes").status, 200);  // an object's name
  EXPECT_EQ(http.Call("GET", "/storage/v1/b").body, "bytes");
  EXPECT_THAT(http.Call("GET", "/").body, HasSubstr("<Key>storage/v1/b</Key>"));
  http.host = "bucket.localhost:9";
  EXPECT_EQ(http.Call("HEAD", "/storage/v1/b").status, 200);
  http.host = "storage.googleapis.com";
  EXPECT_EQ(http.Call("GET", "/bucket/storage/v1/b").body, "bytes");
  http.host = "bucket.elsewhere.com";
  EXPECT_EQ(http.Call("GET", "/bucket/storage/v1/b").body, "bytes");
}

TEST_F(GcsXml, ComposeAndCopy) {
  ASSERT_EQ(Put("x", "one ").status, 200);
  ASSERT_EQ(Put("y", "two").status, 200);
  const Answered composed = http.Call(
      "PUT", "/bucket/z?compose",
      "<ComposeRequest><Component><Name>x</Name></Component><Component><Name>y</Name></Component>"
      "</ComposeRequest>",
      {{"Content-Type", "text/plain"}});
  EXPECT_EQ(composed.status, 200) << composed.body;
  EXPECT_EQ(composed.headers.Get("x-goog-component-count"), "2");
  EXPECT_EQ(Media("z").body, "one two");
  EXPECT_EQ(http.Call("PUT", "/bucket/z?compose", "<ComposeRequest/>").status, 400);
  EXPECT_EQ(http.Call("PUT", "/bucket/z?compose",
                      "<ComposeRequest><Component><Name>none</Name></Component></ComposeRequest>")
                .status,
            404);
  ASSERT_EQ(http.Call("PUT", "/bucket/w", "",
                      {{"x-goog-copy-source", "/bucket/z"},
                       {"x-goog-metadata-directive", "REPLACE"},
                       {"Content-Type", "a/b"},
                       {"x-goog-meta-k", "v"}})
                .status,
            200);
  EXPECT_EQ(Meta("w").json()["contentType"], "a/b");
  EXPECT_EQ(Meta("w").json()["metadata"]["k"], "v");
}

TEST_F(GcsXml, DocumentsWithEntitiesAreRefused) {
  const char* bomb =
      "<!DOCTYPE b [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><CorsConfig>&b;</CorsConfig>";
  EXPECT_EQ(http.Call("PUT", "/bucket?cors", bomb).status, 400);
  const Answered file =
      http.Call("PUT", "/other",
                "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/hostname'>]>"
                "<CreateBucketConfiguration><LocationConstraint>&e;</LocationConstraint>"
                "</CreateBucketConfiguration>",
                {{"x-goog-project-id", "p"}});
  EXPECT_EQ(file.status, 400);
  EXPECT_THAT(file.body, HasSubstr("<Code>MalformedXML</Code>"));
}

std::string Between(const std::string& text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) return {};
  const size_t begin = at + from.size();
  return text.substr(begin, text.find(to, begin) - begin);
}

TEST_F(GcsXml, MultipartUploads) {
  http.piece_bytes = 1 << 20;
  const std::string object = "/bucket/dir/multi";
  const Answered started =
      http.Call("POST", object + "?uploads", "", {{"Content-Type", "a/b"}, {"x-goog-meta-k", "v"}});
  ASSERT_EQ(started.status, 200) << started.body;
  const std::string id = Between(started.body, "<UploadId>", "<");
  const std::string upload = object + "?uploadId=" + PercentEncode(id);
  const std::string large(5 << 20, 'l');
  // In any order.
  const Answered second = http.Call("PUT", upload + "&partNumber=2", "the end");
  EXPECT_EQ(second.status, 200) << second.body;
  const Answered first = http.Call("PUT", upload + "&partNumber=1", large);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(
      http.Call("PUT", upload + "&partNumber=3", "x", {{"Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="}})
          .status,
      400);
  EXPECT_THAT(http.Call("GET", upload).body,
              AllOf(HasSubstr("<PartNumber>1</PartNumber>"), HasSubstr("<Size>5242880</Size>"),
                    HasSubstr("<IsTruncated>false</IsTruncated>")));
  EXPECT_THAT(http.Call("GET", upload + "&max-parts=1").body,
              AllOf(HasSubstr("<IsTruncated>true</IsTruncated>"),
                    HasSubstr("<NextPartNumberMarker>1</NextPartNumberMarker>")));
  EXPECT_THAT(http.Call("GET", "/bucket?uploads").body, HasSubstr("<Key>dir/multi</Key>"));
  EXPECT_EQ(Meta("dir/multi").status, 404);
  const auto part = [](int number, std::string_view etag) {
    return fmt::format("<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>", number, etag);
  };
  const auto complete = [&](const std::string& parts) {
    return http.Call("POST", upload,
                     "<CompleteMultipartUpload>" + parts + "</CompleteMultipartUpload>");
  };
  const std::string e1(first.headers.Get("ETag"));
  const std::string e2(second.headers.Get("ETag"));
  EXPECT_EQ(complete("").status, 400);
  EXPECT_THAT(complete(part(1, e2) + part(2, e2)).body, HasSubstr("<Code>InvalidPart</Code>"));
  EXPECT_THAT(complete(part(2, e2) + part(1, e1)).body, HasSubstr("<Code>InvalidPartOrder</Code>"));
  EXPECT_EQ(http.Call("POST", "/bucket/other?uploadId=" + id,
                      "<CompleteMultipartUpload>" + part(1, e1) + "</CompleteMultipartUpload>")
                .status,
            404);
  const Answered done = complete(part(1, e1) + part(2, e2));
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_THAT(done.body, HasSubstr("<Key>dir/multi</Key>"));
  const Json made = Meta("dir/multi").json();
  EXPECT_EQ(made["size"], std::to_string(large.size() + 7));
  EXPECT_EQ(made["contentType"], "a/b");
  EXPECT_EQ(made["metadata"]["k"], "v");
  EXPECT_EQ(Media("dir/multi").body, large + "the end");
}

TEST_F(GcsXml, AbortedMultipartUploadsAreGone) {
  const std::string id = Between(http.Call("POST", "/bucket/gone?uploads").body, "<UploadId>", "<");
  const std::string upload = "/bucket/gone?uploadId=" + PercentEncode(id);
  EXPECT_EQ(http.Call("PUT", upload + "&partNumber=1", "x").status, 200);
  EXPECT_EQ(http.Call("DELETE", upload).status, 204);
  EXPECT_EQ(http.Call("PUT", upload + "&partNumber=1", "x").status, 404);
  EXPECT_THAT(http.Call("GET", upload).body, HasSubstr("<Code>NoSuchUpload</Code>"));
  EXPECT_EQ(http.Call("POST", "/bucket/x?uploads", "", {{"Authorization", ""}}).status, 401);
}

}  // namespace
}  // namespace hodei::wire::gcs
