#include "base/json_integers.h"

#include <gmock/gmock.h>

namespace hodei {
namespace {

using testing::Optional;

TEST(WithoutWideIntegers, TouchesOnlyWhat64BitsCannotHold) {
  EXPECT_EQ(WithoutWideIntegers(""), std::nullopt);
  EXPECT_EQ(WithoutWideIntegers(R"([9223372036854775807, 18446744073709551615])"), std::nullopt);
  EXPECT_EQ(WithoutWideIntegers(R"([-9223372036854775808, 1e400, 100000000000000000000.0])"),
            std::nullopt);
  EXPECT_THAT(
      WithoutWideIntegers(R"({"a":[18446744073709551616,7],"b":-9223372036854775809})"),
      Optional(std::string(R"({"a":[1.8446744073709552e+19,7],"b":-9.223372036854776e+18})")));
}

TEST(WithoutWideIntegers, LeavesStringsAndWrongWordsAlone) {
  EXPECT_EQ(WithoutWideIntegers(R"(["100000000000000000000", "\"100000000000000000000"])"),
            std::nullopt);
  EXPECT_EQ(WithoutWideIntegers("[+100000000000000000000, 0100000000000000000000]"), std::nullopt);
  EXPECT_EQ(WithoutWideIntegers("[100000000000000000000x, x100000000000000000000]"), std::nullopt);
  EXPECT_EQ(WithoutWideIntegers(R"("100000000000000000000)"), std::nullopt);
  EXPECT_EQ(WithoutWideIntegers("\"\\"), std::nullopt);
  EXPECT_EQ(WithoutWideIntegers("-"), std::nullopt);
}

TEST(WithoutWideIntegers, GivesUpBeyondTheLargestDouble) {
  EXPECT_EQ(WithoutWideIntegers(std::string(400, '9')), std::nullopt);
}

}  // namespace
}  // namespace hodei
