#include "base/clock.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei {
namespace {

using testing::IsOk;

TEST(Rfc3339, RoundTripsNanoseconds) {
  const std::string text = "2024-05-01T10:00:00.123456789Z";
  ASSERT_OK_AND_ASSIGN(WallTime time, ParseRfc3339(text));
  EXPECT_EQ(FormatRfc3339(time), text);
  EXPECT_EQ(FormatRfc3339(time, 0), "2024-05-01T10:00:00Z");
  EXPECT_EQ(FormatRfc3339(time, 3), "2024-05-01T10:00:00.123Z");
}

TEST(Rfc3339, AppliesOffset) {
  ASSERT_OK_AND_ASSIGN(WallTime time, ParseRfc3339("2024-05-01T12:00:00+02:00"));
  EXPECT_EQ(FormatRfc3339(time, 0), "2024-05-01T10:00:00Z");
}

TEST(Rfc3339, RefusesWhatIsNotATimestamp) {
  for (const char* text :
       {"", "2024", "2024-02-30T00:00:00Z", "2024-05-01T25:00:00Z", "2024-05-01T10:00:00",
        "2024-05-01T10:00:00.Z", "2024-05-01T10:00:00.1234567890Z", "2024-05-01T10:00:00Zx",
        "9999-05-01T10:00:00Z"}) {
    EXPECT_FALSE(ParseRfc3339(text).ok()) << text;
  }
}

TEST(SystemClock, MonotonicDoesNotGoBack) {
  const Nanoseconds first = SystemClock().Monotonic();
  EXPECT_GE(SystemClock().Monotonic(), first);
}

TEST(HttpDate, IsTheFixedFormOfItsRfc) {
  EXPECT_EQ(FormatHttpDate(784887151), "Tue, 15 Nov 1994 08:12:31 GMT");
  EXPECT_EQ(FormatHttpDate(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(FormatHttpDate(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(FormatHttpDate(253402300799), "Fri, 31 Dec 9999 23:59:59 GMT");
  EXPECT_EQ(FormatHttpDate(-1), "Wed, 31 Dec 1969 23:59:59 GMT");
}

}  // namespace
}  // namespace hodei
