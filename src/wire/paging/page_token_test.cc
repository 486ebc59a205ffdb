#include "wire/paging/page_token.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::wire {
namespace {

using hodei::testing::StatusIs;
using ::testing::HasSubstr;

TEST(PageSize, StaysWithinLimits) {
  EXPECT_EQ(PageSize(0).value(), 20);
  EXPECT_EQ(PageSize(1).value(), 1);
  EXPECT_EQ(PageSize(100).value(), 100);
  EXPECT_EQ(PageSize(INT32_MAX).value(), 100);
  EXPECT_THAT(PageSize(-1), StatusIs(Code::kInvalidArgument, HasSubstr("Field: page_size")));
}

TEST(PageTokens, OpensWhatItSealed) {
  const PageTokens tokens(Secret("0123456789abcdef"));
  for (const std::string& position :
       {std::string("j1"), std::string(), std::string("\0\xff/\n", 4)}) {
    const std::string token = tokens.Seal("q", position);
    ASSERT_OK_AND_ASSIGN(const std::string opened, tokens.Open("q", token));
    EXPECT_EQ(opened, position);
    EXPECT_EQ(token.find_first_of("+/= &?"), std::string::npos);
  }
  EXPECT_EQ(tokens.Open("q", "").value(), "");
}

// T31: a token is worth nothing beside the query it was made for.
TEST(PageTokens, RefusesEverythingElse) {
  const PageTokens tokens(Secret("0123456789abcdef"));
  const std::string token = tokens.Seal("q", "position");
  EXPECT_THAT(tokens.Open("other", token), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(tokens.Open("qposition", tokens.Seal("q", "")), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(PageTokens(Secret("another-key-here")).Open("q", token),
              StatusIs(Code::kInvalidArgument));
  for (size_t i = 0; i < token.size(); ++i) {
    std::string altered = token;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(tokens.Open("q", altered).ok() && altered != token) << i;
  }
  for (const std::string& garbage :
       {std::string("x"), std::string("' OR 1=1 --"), std::string("AAAA"), std::string(5000, 'A'),
        std::string("\0", 1), token.substr(0, 20)}) {
    EXPECT_THAT(tokens.Open("q", garbage), StatusIs(Code::kInvalidArgument)) << garbage;
  }
}

}  // namespace
}  // namespace hodei::wire
