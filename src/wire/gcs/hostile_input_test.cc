// Corpora of hostile requests: names (T6), stolen and abused sessions (T27), racing writers (T28),
// numbers at their edges (T35). HTML that would run in the API's origin (T16) is in
// downloads_test.cc.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>
#include <vector>

#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT
using ::testing::AnyOf;

using GcsHostile = GcsFixture;

TEST_F(GcsHostile, NamesAreKeysAndNeverPaths) {
  // Raw path segment, and the name it means; empty: refused.
  const std::vector<std::pair<std::string, std::string>> names = {
      {"..%2f..%2fetc%2fpasswd", "../../etc/passwd"},
      {"%2e%2e%2f", "../"},
      {"%252e%252e%252f", "%2e%2e%2f"},
      {"..%5c..%5cwindows", "..\\..\\windows"},
      {"%2fetc%2fpasswd", "/etc/passwd"},
      {"a%2f%2fb", "a//b"},
      {"a%2f.%2fb", "a/./b"},
      {"C%3a%5cx", "C:\\x"},
      {"%7f", "\x7f"},
      {"-rf", "-rf"},
      {"a%3Bls", "a;ls"},
      {"%24%28x%29", "$(x)"},
      {"%E2%80%AE", "\xE2\x80\xAE"},
      {".", ""},
      {"..", ""},
      {"%2e", ""},
      {"%2e%2e", ""},
      {"a%00b", ""},
      {"a%0ab", ""},
      {"a%0db", ""},
      {"%ff%fe", ""},
      {"%c0%ae", ""},
      {"%ed%a0%80", ""},
      {"%zz", ""},
      {"%e", ""},
      {std::string(1025, 'x'), ""}};
  for (const auto& [raw, name] : names) {
    const int expected = name.empty() ? 400 : 200;
    EXPECT_EQ(
        http.Call("POST", fmt::format("{}?uploadType=media&name={}", kUpload, raw), "v").status,
        expected)
        << raw;
    EXPECT_EQ(http.Call("PUT", "/bucket/" + raw, "w").status, expected) << raw;
    if (name.empty()) continue;
    EXPECT_EQ(http.Call("GET", "/bucket/" + raw).body, "w") << raw;
    const Json shown = http.Call("GET", fmt::format("{}/{}", kObjects, PercentEncode(name))).json();
    EXPECT_EQ(shown.value("name", ""), name) << raw;
  }
}

TEST_F(GcsHostile, BucketNamesThatCouldBePathsAreRefused) {
  for (const char* name :
       {"..", ".", "a/b", "../x", "a\\b", "A", "aa", "-aa", "aa-", "a..b", "192.168.0.1", "googx",
        "xgooglex", "caf\u00e9", "a b", "a\u0000b", ""}) {
    EXPECT_EQ(http.Call("POST", "/storage/v1/b?project=p", Json{{"name", name}}.dump()).status, 400)
        << name;
  }
}

TEST_F(GcsHostile, NobodyGoesOnWithAnothersSession) {
  const std::string session = StartSession("o");
  for (const char* credential : {"Bearer eve", ""}) {
    const GcsCaller::HeaderList as = {{"Authorization", credential}};
    EXPECT_EQ(Send(session, "bytes */*", "", as).status, 404) << credential;
    EXPECT_EQ(Send(session, "bytes 0-2/3", "abc", as).status, 404) << credential;
    EXPECT_EQ(http.Call("DELETE", session, "", as).status, 404) << credential;
    EXPECT_EQ(http.Call("PUT", session, "abc", as).status, 404) << credential;
  }
  EXPECT_EQ(Send(session, "bytes 0-2/3", "abc").status, 200);
  EXPECT_EQ(Media("o").body, "abc");
}

TEST_F(GcsHostile, SessionIdsAreNotGuessedFromOneAnother) {
  const auto id = [&] {
    const std::string session = StartSession("o");
    return session.substr(session.find("upload_id=") + 10);
  };
  const std::string one = id();
  const std::string two = id();
  EXPECT_GE(one.size(), 26u);
  size_t same = 0;
  for (size_t i = 0; i < std::min(one.size(), two.size()); ++i) same += one[i] == two[i] ? 1 : 0;
  EXPECT_LT(same, one.size() / 2);
  for (std::string guess :
       {std::string(), one.substr(1), one + "x", two.substr(0, 1) + one.substr(1),
        std::string("../") + one, std::string(10'000, 'a')}) {
    if (guess == one) continue;
    EXPECT_THAT(
        http.Call("PUT", fmt::format("{}?uploadType=resumable&upload_id={}", kUpload, guess), "x")
            .status,
        AnyOf(400, 404, 405))
        << guess.substr(0, 60);
  }
}

TEST_F(GcsHostile, AWrongHashMakesNothingVisibleAndEndsTheSession) {
  ASSERT_EQ(Put("o", "old").status, 200);
  const std::string session = StartSession("o", {{"x-goog-hash", "crc32c=AAAAAA=="}});
  EXPECT_EQ(Send(session, "bytes 0-2/3", "new").status, 400);
  EXPECT_EQ(Media("o").body, "old");
  EXPECT_THAT(Send(session, "bytes */3", "").status, AnyOf(404, 410));
}

TEST_F(GcsHostile, OfAHundredWritersExactlyOneCreates) {
  constexpr int kWriters = 100;
  std::atomic<int> won{0};
  std::atomic<int> lost{0};
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      const int status = Put("race", std::to_string(i), "&ifGenerationMatch=0").status;
      if (status == 200) ++won;
      if (status == 412) ++lost;
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(won, 1);
  EXPECT_EQ(lost, kWriters - 1);
  EXPECT_EQ(Meta("race").json()["metageneration"], "1");
}

struct Edge {
  const char* method;
  std::string target;
  GcsCaller::HeaderList headers;
  int status;
};

TEST_F(GcsHostile, NumbersAtTheirEdges) {
  ASSERT_EQ(Put("o", "0123456789").status, 200);
  const std::string o = std::string(kObjects) + "/o";
  const std::string list = kObjects;
  const char* kMax = "9223372036854775807";
  const char* kOver = "9223372036854775808";
  const std::vector<Edge> edges = {
      {"GET", o + "?generation=" + kMax, {}, 404},
      {"GET", o + "?generation=" + kOver, {}, 400},
      {"GET", o + "?generation=0", {}, 404},
      {"GET", o + "?generation=-1", {}, 404},
      {"GET", o + "?generation=", {}, 400},
      {"GET", o + "?generation=1.5", {}, 400},
      {"GET", o + "?generation=0x1", {}, 400},
      {"GET", o + "?generation=%201", {}, 400},
      {"GET", o + "?ifGenerationMatch=" + kMax, {}, 412},
      {"GET", o + "?ifMetagenerationMatch=" + kOver, {}, 400},
      {"GET", o + "?ifMetagenerationNotMatch=1", {}, 304},
      {"GET", list + "?maxResults=0", {}, 200},
      {"GET", list + "?maxResults=-1", {}, 400},
      {"GET", list + "?maxResults=1000000", {}, 200},
      {"GET", list + "?maxResults=" + kOver, {}, 400},
      {"GET", list + "?pageToken=%ff", {}, 400},
      {"GET", list + "?pageToken=AAAA", {}, 400},
      {"GET", o + "?alt=media", {{"Range", "bytes=0-18446744073709551615"}}, 206},
      {"GET", o + "?alt=media", {{"Range", "bytes=0-99999999999999999999999"}}, 206},
      {"GET", o + "?alt=media", {{"Range", "bytes=18446744073709551616-"}}, 416},
      {"GET", o + "?alt=media", {{"Range", "bytes=10-"}}, 416},
      {"GET", o + "?alt=media", {{"Range", "bytes=-0"}}, 416},
      {"GET", o + "?alt=media", {{"Range", "bytes=-99999999999999999999999"}}, 206},
      {"GET", o + "?alt=media", {{"Range", "bytes=5-4"}}, 200},
      {"GET", o + "?alt=media", {{"Range", "bytes=-1-2"}}, 200},
      {"GET", "/bucket?max-keys=-1", {}, 400},
      {"GET", "/bucket?max-keys=" + std::string(kOver), {}, 400},
      {"GET", "/bucket?uploads&max-uploads=-1", {}, 400},
      {"GET", "/bucket/o?generation=" + std::string(kOver), {}, 400},
      {"PUT", "/bucket/n", {{"x-goog-if-generation-match", kOver}}, 400},
      {"PUT", "/bucket/n?partNumber=0&uploadId=x", {}, 400},
      {"PUT", "/bucket/n?partNumber=10001&uploadId=x", {}, 400},
      {"PUT", "/bucket/n?partNumber=" + std::string(kOver) + "&uploadId=x", {}, 400},
      {"POST", o + "/rewriteTo/b/bucket/o/x?maxBytesRewrittenPerCall=" + kOver, {}, 400},
      {"POST", o + "/rewriteTo/b/bucket/o/x?sourceGeneration=" + kOver, {}, 400},
      {"POST",
       std::string(kUpload) + "?uploadType=resumable&name=x",
       {{"X-Upload-Content-Length", "-1"}},
       400},
      {"POST",
       std::string(kUpload) + "?uploadType=resumable&name=x",
       {{"X-Upload-Content-Length", "18446744073709551616"}},
       400},
      {"GET", "/storage/v1/b/bucket?ifMetagenerationMatch=2", {}, 412}};
  for (const Edge& edge : edges) {
    EXPECT_EQ(http.Call(edge.method, edge.target, "", edge.headers).status, edge.status)
        << edge.method << " " << edge.target;
  }
}

TEST_F(GcsHostile, ChunkRangesAtTheirEdges) {
  for (const char* range :
       {"bytes 0-18446744073709551615/*", "bytes 18446744073709551615-18446744073709551615/*",
        "bytes 5-4/10", "bytes 0-9/9", "bytes -1-2/3", "bytes 0-/3", "bytes 0-2", "bytes 0-2/",
        "bytes 0-2/-3", "bytes 0-2/18446744073709551616", "octets 0-2/3", "bytes 0 - 2 / 3",
        "bytes 0-2/3, 0-2/3"}) {
    const std::string session = StartSession("edge");
    const int status = Send(session, range, "abc").status;
    EXPECT_EQ(status, 400) << range;
    EXPECT_EQ(Meta("edge").status, 404) << range;
  }
}

}  // namespace
}  // namespace hodei::wire::gcs
