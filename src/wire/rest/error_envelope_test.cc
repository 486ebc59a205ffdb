#include "wire/rest/error_envelope.h"

#include <gmock/gmock.h>

namespace hodei::wire::rest {
namespace {

TEST(ErrorEnvelope, IsGooglesShape) {
  EXPECT_EQ(ErrorBody(NotFound("a \"b\""), false),
            R"({"error":{"code":404,"message":"a \"b\"","status":"NOT_FOUND"}})");
  EXPECT_EQ(ErrorBody(NotFound("x"), true), R"({
  "error": {
    "code": 404,
    "message": "x",
    "status": "NOT_FOUND"
  }
}
)");
}

TEST(ErrorEnvelope, ViolationsAreBadRequestDetails) {
  const Status status = InvalidField("job_id", "Too long.");
  EXPECT_EQ(
      ErrorBody(status, false),
      R"({"error":{"code":400,"message":"Field: job_id Error: Too long.","status":"INVALID_ARGUMENT",)"
      R"("details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[)"
      R"({"field":"job_id","description":"Too long."}]}]}})");
  EXPECT_EQ(ErrorBody(status, true), R"({
  "error": {
    "code": 400,
    "message": "Field: job_id Error: Too long.",
    "status": "INVALID_ARGUMENT",
    "details": [
      {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        "fieldViolations": [
          {
            "field": "job_id",
            "description": "Too long."
          }
        ]
      }
    ]
  }
}
)");
}

TEST(ErrorEnvelope, ReasonIsErrorInfo) {
  Status status = InvalidArgument("x");
  status.WithViolation({"f", "d"}).WithReason("WHY");
  EXPECT_EQ(
      ErrorBody(status, false),
      R"({"error":{"code":400,"message":"x","status":"INVALID_ARGUMENT","details":[)"
      R"({"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"f",)"
      R"("description":"d"}]},{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"WHY",)"
      R"("domain":"hodei"}]}})");
}

TEST(ErrorEnvelope, CodesMapAsDocumented) {
  const std::pair<Code, int> kCases[] = {
      {Code::kInvalidArgument, 400}, {Code::kFailedPrecondition, 400},
      {Code::kUnauthenticated, 401}, {Code::kPermissionDenied, 403},
      {Code::kNotFound, 404},        {Code::kAlreadyExists, 409},
      {Code::kAborted, 409},         {Code::kResourceExhausted, 429},
      {Code::kInternal, 500},        {Code::kUnimplemented, 501},
      {Code::kUnavailable, 503},     {Code::kDeadlineExceeded, 504}};
  for (const auto& [code, http] : kCases) {
    EXPECT_EQ(ErrorResponse(Status(code, "x"), false).status, http) << CodeName(code);
  }
  EXPECT_TRUE(ErrorResponse(Unauthenticated("x"), false).headers.Has("WWW-Authenticate"));
}

TEST(ErrorEnvelope, TransportStatusesKeepTheirNumber) {
  const net::HttpResponse response = ErrorResponse(413, "big", false);
  EXPECT_EQ(response.status, 413);
  EXPECT_EQ(std::get<std::string>(response.body),
            R"({"error":{"code":413,"message":"big","status":"INVALID_ARGUMENT"}})");
}

TEST(ErrorEnvelope, InternalErrorsAreNotExplained) {
  const Status told = ForClient(Internal("open '/var/x': disk on fire"), "r1");
  EXPECT_EQ(told, Internal("Internal error encountered. Request id: r1."));
  EXPECT_EQ(ForClient(NotFound("n"), "r1"), NotFound("n"));
}

}  // namespace
}  // namespace hodei::wire::rest
