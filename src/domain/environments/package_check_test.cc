#include "domain/environments/package_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/status_matchers.h"

namespace hodei::environments {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;

constexpr std::string_view kGzip("\x1f\x8b\x08\x00", 4);
constexpr std::string_view kZip("PK\x03\x04", 4);

TEST(PackageCheck, AcceptsWhatPipInstalls) {
  EXPECT_THAT(CheckPackage("trainer-0.1.tar.gz", 100, kGzip), IsOk());
  EXPECT_THAT(CheckPackage("trainer.tgz", 100, kGzip), IsOk());
  EXPECT_THAT(CheckPackage("trainer-0.1.zip", 100, kZip), IsOk());
  EXPECT_THAT(CheckPackage("trainer-0.1-py3-none-any.whl", kPackageBytesMax, kZip), IsOk());
}

struct Refusal {
  std::string_view name;
  int64_t size;
  std::string_view head;
  const char* why;
};

class Refusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(Refusals, SayWhy) {
  EXPECT_THAT(CheckPackage(GetParam().name, GetParam().size, GetParam().head),
              StatusIs(Code::kInvalidArgument, HasSubstr(GetParam().why)));
}

INSTANTIATE_TEST_SUITE_P(
    Table, Refusals,
    ::testing::Values(Refusal{"", 10, kGzip, "file name"}, Refusal{"a.tar.gz", 0, "", "is empty"},
                      Refusal{"a.tar.gz", kPackageBytesMax + 1, kGzip, "at most 1024 MiB"},
                      Refusal{"a.tar.gz", 10, "import os\n", "is not an archive"},
                      Refusal{"a.tar.gz", 1, "\x1f", "is not an archive"},
                      Refusal{"a.whl", 10, kGzip, "not the kind of archive"},
                      Refusal{"a.tar.gz", 10, kZip, "not the kind of archive"},
                      Refusal{"a.py", 10, kGzip, "needs a name that ends in"},
                      Refusal{"\xff.tar.gz", 10, kGzip, "file name"}));

}  // namespace
}  // namespace hodei::environments
