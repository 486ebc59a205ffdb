#include "base/encoding.h"

#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/log_frame.h"
#include "base/random_id.h"
#include "base/secret.h"
#include "base/testing/status_matchers.h"

namespace hodei {
namespace {

using testing::StatusIs;

TEST(Base64, MatchesRfc4648Vectors) {
  EXPECT_EQ(Base64Encode(""), "");
  EXPECT_EQ(Base64Encode("f"), "Zg==");
  EXPECT_EQ(Base64Encode("foobar"), "Zm9vYmFy");
  EXPECT_EQ(Base64UrlEncode("\xFB\xFF"), "-_8");
  EXPECT_EQ(*Base64Decode("Zm9vYg=="), "foob");
  EXPECT_EQ(*Base64Decode("-_8"), "\xFB\xFF");
  EXPECT_THAT(Base64Decode("Zm9v!"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(Base64Decode("Zm9vY"), StatusIs(Code::kInvalidArgument));
}

TEST(Percent, DecodesExactlyOnce) {
  EXPECT_EQ(*PercentDecode("%252e+"), "%2e+");
  EXPECT_EQ(*PercentDecode("a+b", true), "a b");
  EXPECT_THAT(PercentDecode("%2"), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(PercentDecode("%zz"), StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(PercentEncode("a/b c", "/"), "a/b%20c");
}

TEST(Utf8, RefusesSurrogatesAndOverlongForms) {
  EXPECT_TRUE(IsValidUtf8("h\xC3\xA9 \xF0\x9F\x8C\x9E"));
  EXPECT_FALSE(IsValidUtf8("\xED\xA0\x80"));
  EXPECT_FALSE(IsValidUtf8("\xC0\xAF"));
  EXPECT_FALSE(IsValidUtf8("\xE2\x82"));
}

TEST(Crc32c, MatchesKnownVectorsAndCombines) {
  EXPECT_EQ(Crc32c(0, "123456789"), 0xE3069283u);
  EXPECT_EQ(Crc32c(0, ""), 0u);
  const std::string a(1000, 'x');
  const std::string b(777, 'y');
  EXPECT_EQ(Crc32cCombine(Crc32c(0, a), Crc32c(0, b), b.size()), Crc32c(0, a + b));
  EXPECT_EQ(Crc32cCombine(Crc32c(0, a), 0, 0), Crc32c(0, a));
}

TEST(Digest, MatchesKnownVectors) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  DigestStream md5(DigestStream::Kind::kMd5);
  EXPECT_EQ(Base64Encode(md5.Final()), "1B2M2Y8AsgTpgAmY7PhCfg==");
}

TEST(LogFrame, RoundTripsAndDetectsDamage) {
  std::string bytes;
  AppendLogFrame({.seq = 7, .time = {42}, .stream = LogStream::kStderr, .text = "hello"}, &bytes);
  ParsedLogFrame parsed = ParseLogFrame(bytes);
  ASSERT_EQ(parsed.kind, ParsedLogFrame::Kind::kFrame);
  EXPECT_EQ(parsed.frame.seq, 7u);
  EXPECT_EQ(parsed.frame.text, "hello");
  EXPECT_EQ(parsed.size_bytes, bytes.size());
  EXPECT_EQ(ParseLogFrame(std::string_view(bytes).substr(0, bytes.size() - 1)).kind,
            ParsedLogFrame::Kind::kIncomplete);
  bytes.back() ^= 1;
  EXPECT_EQ(ParseLogFrame(bytes).kind, ParsedLogFrame::Kind::kCorrupt);
}

TEST(RandomId, StartsWithALetterAndDoesNotRepeat) {
  const std::string id = RandomId();
  EXPECT_EQ(id.size(), 26u);
  EXPECT_GE(id[0], 'a');
  EXPECT_NE(id, RandomId());
}

TEST(Secret, PrintsStars) {
  EXPECT_EQ(fmt::format("{}", Secret("hunter2")), "***");
  EXPECT_TRUE(ConstantTimeEqual("ab", "ab"));
  EXPECT_FALSE(ConstantTimeEqual("ab", "ac"));
}

}  // namespace
}  // namespace hodei
