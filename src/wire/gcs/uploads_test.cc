// Bytes on their way in: simple, multipart and resumable uploads.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT

using GcsUploads = GcsFixture;

struct MultipartCase {
  const char* what;
  const char* content_type;
  std::string body;
  int status;
  std::string bytes;
};

TEST_F(GcsUploads, MultipartBodiesOfAllClients) {
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

TEST_F(GcsUploads, BodiesCutShortLeaveNothing) {
  ASSERT_EQ(Put("kept", "old").status, 200);
  http.CallAndDrop("POST", fmt::format("{}?uploadType=media&name=kept", kUpload), "half of it", {});
  http.CallAndDrop("POST", fmt::format("{}?uploadType=media&name=new", kUpload), "half of it", {});
  http.CallAndDrop("PUT", "/bucket/new", "half of it", {});
  EXPECT_EQ(Media("kept").body, "old");
  EXPECT_EQ(Meta("new").status, 404);
}

TEST_F(GcsUploads, ResumableUploadInChunks) {
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

TEST_F(GcsUploads, ResumableUploadVariants) {
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

TEST_F(GcsUploads, ResumableUploadRefusals) {
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

TEST_F(GcsUploads, ADroppedChunkIsCreditedTruthfully) {
  const std::string session = StartSession("r");
  http.piece_bytes = 4;
  http.CallAndDrop("PUT", session, "01234567", {{"Content-Range", "bytes 0-99/100"}});
  const Answered status = Send(session, "bytes */100", "");
  EXPECT_EQ(status.status, 308);
  EXPECT_EQ(status.headers.Get("Range"), "bytes=0-7");
}

}  // namespace
}  // namespace hodei::wire::gcs
