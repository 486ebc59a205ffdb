// gmock matchers for Status and Result: EXPECT_THAT(Do(), IsOk()),
// EXPECT_THAT(Get("x"), StatusIs(Code::kNotFound, HasSubstr("x"))).
#pragma once

#include <gmock/gmock.h>

#include "base/status.h"

namespace hodei::testing {

inline Status StatusOf(const Status& status) { return status; }
template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}

MATCHER(IsOk, "is OK") {
  const Status status = StatusOf(arg);
  *result_listener << status.ToString();
  return status.ok();
}

MATCHER_P(StatusIs, code, "") {
  const Status status = StatusOf(arg);
  *result_listener << status.ToString();
  return status.code() == code;
}

MATCHER_P2(StatusIs, code, message_matcher, "") {
  const Status status = StatusOf(arg);
  *result_listener << status.ToString();
  return status.code() == code &&
         ::testing::ExplainMatchResult(message_matcher, status.message(), result_listener);
}

#define ASSERT_OK_AND_ASSIGN(decl, expr)                                         \
  auto HODEI_CONCAT(hodei_ok_, __LINE__) = (expr);                               \
  ASSERT_TRUE(HODEI_CONCAT(hodei_ok_, __LINE__).ok())                            \
      << HODEI_CONCAT(hodei_ok_, __LINE__).status().ToString();                  \
  decl = std::move(HODEI_CONCAT(hodei_ok_, __LINE__)).value()

}  // namespace hodei::testing
