#include "base/status.h"

#include <gmock/gmock.h>

#include <memory>

#include "base/testing/status_matchers.h"

namespace hodei {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

Result<int> Half(int n) {
  if (n % 2 != 0) return InvalidArgument("odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  ASSIGN_OR_RETURN_CTX(int half, Half(n), "halve");
  ASSIGN_OR_RETURN(int quarter, Half(half));
  return quarter;
}

TEST(Status, ChainsContextAndKeepsCode) {
  EXPECT_THAT(Quarter(3), StatusIs(Code::kInvalidArgument, "halve: odd"));
  EXPECT_THAT(Quarter(6), StatusIs(Code::kInvalidArgument, "odd"));
  EXPECT_EQ(*Quarter(8), 2);
}

TEST(Status, AnnotateKeepsReasonAndViolations) {
  Status status = InvalidField("job_id", "too long");
  status.WithReason("required");
  const Status out = Annotate(status, "create job");
  EXPECT_THAT(out, StatusIs(Code::kInvalidArgument, "create job: Field: job_id Error: too long"));
  EXPECT_EQ(out.reason(), "required");
  ASSERT_EQ(out.violations().size(), 1u);
  EXPECT_EQ(out.violations()[0].field, "job_id");
}

TEST(Status, MapsErrnoToTheCodeACallerActsOn) {
  EXPECT_THAT(ErrnoStatus(2, "open '/x'"), StatusIs(Code::kNotFound, HasSubstr("open '/x'")));
  EXPECT_THAT(ErrnoStatus(28, "write"), StatusIs(Code::kResourceExhausted));
}

TEST(Result, HoldsMoveOnlyValues) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(7);
  ASSERT_THAT(result, IsOk());
  std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 7);
}

}  // namespace
}  // namespace hodei
