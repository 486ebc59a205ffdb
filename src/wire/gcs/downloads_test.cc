// Bytes on their way out.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT
using ::testing::HasSubstr;
using ::testing::Not;

using GcsDownloads = GcsFixture;

struct RangeCase {
  const char* range;
  int status;
  const char* body;
  const char* content_range;
};

TEST_F(GcsDownloads, DownloadRanges) {
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

TEST_F(GcsDownloads, ActiveContentIsDefused) {
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

TEST_F(GcsDownloads, StoredHeadersCannotSplitTheResponse) {
  ASSERT_EQ(Put("o", "x", "", "text/plain\r\nX-Evil: 1").status, 200);
  const Answered answered = Media("o");
  for (const auto& [name, value] : answered.headers.fields()) {
    EXPECT_EQ(value.find_first_of("\r\n"), std::string::npos) << name;
    EXPECT_NE(name, "X-Evil");
  }
}

TEST_F(GcsDownloads, GzipIsInflatedForWhoCannotTakeIt) {
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

}  // namespace
}  // namespace hodei::wire::gcs
