// Buckets, batches, and the calls that clients probe with.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/testing/gcs_fixture.h"

namespace hodei::wire::gcs {
namespace {

using namespace ::hodei::wire::gcs::testing;  // NOLINT
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

using GcsBuckets = GcsFixture;

TEST_F(GcsBuckets, BucketsRoundTripTheirSettings) {
  const std::string target = "/storage/v1/b/bucket";
  Json json = http.Call("PATCH", target, R"({"labels":{"k":"v"},"versioning":{"enabled":true},
      "lifecycle":{"rule":[{"action":{"type":"Delete"},"condition":{"age":30}}]},
      "iamConfiguration":{"uniformBucketLevelAccess":{"enabled":true}},
      "cors":[{"origin":["*"],"maxAgeSeconds":3600}]})")
                  .json();
  EXPECT_EQ(json["metageneration"], "2");
  EXPECT_EQ(json["lifecycle"]["rule"][0]["condition"]["age"], 30);
  EXPECT_EQ(json["iamConfiguration"]["bucketPolicyOnly"]["enabled"], true);
  json = http.Call("PATCH", target, R"({"labels":{"k":null},"lifecycle":null})").json();
  EXPECT_FALSE(json.contains("labels"));
  EXPECT_FALSE(json.contains("lifecycle"));
  EXPECT_EQ(json["versioning"]["enabled"], true);
  EXPECT_EQ(http.Call("POST", "/storage/v1/b?project=p", R"({"name":"bucket"})").status, 409);
  EXPECT_EQ(Reason(http.Call("POST", "/storage/v1/b", R"({"name":"other"})")), "required");
  EXPECT_EQ(http.Call("POST", "/storage/v1/b?project=p", R"({"name":"Bad_"})").status, 400);
  ASSERT_EQ(Put("o", "x").status, 200);
  EXPECT_EQ(http.Call("DELETE", target).status, 409);
  EXPECT_EQ(http.Call("GET", target + "?ifMetagenerationNotMatch=3").status, 304);
  EXPECT_EQ(http.Call("PATCH", target + "?ifMetagenerationMatch=1", "{}").status, 412);
}

TEST_F(GcsBuckets, BatchAnswersEachPart) {
  ASSERT_EQ(Put("a", "x").status, 200);
  const std::string body =
      "--B\nContent-Type: application/http\nContent-ID: <id+1>\n\n"
      "DELETE /storage/v1/b/bucket/o/a HTTP/1.1\n\n\n"
      "--B\r\nContent-Type: application/http\r\nContent-ID: <id+2>\r\n\r\n"
      "DELETE http://other/storage/v1/b/bucket/o/absent\r\n\r\n\r\n"
      "--B\r\nContent-Type: application/http\r\n\r\n"
      "POST /batch/storage/v1\r\n\r\n\r\n"
      "--B\r\nContent-Type: application/http\r\n\r\nnonsense\r\n"
      "--B--";
  const Answered answered = http.Call("POST", "/batch/storage/v1", body,
                                      {{"Content-Type", "multipart/mixed; boundary=\"B\""}});
  EXPECT_EQ(answered.status, 200) << answered.body;
  EXPECT_THAT(answered.headers.Get("Content-Type"), StartsWith("multipart/mixed; boundary=batch_"));
  EXPECT_THAT(answered.body, AllOf(HasSubstr("Content-ID: <response-id+1>\r\n\r\nHTTP/1.1 204"),
                                   HasSubstr("Content-ID: <response-id+2>\r\n\r\nHTTP/1.1 404"),
                                   HasSubstr("HTTP/1.1 400")));
  EXPECT_EQ(Meta("a").status, 404);
  EXPECT_EQ(http.Call("POST", "/batch/storage/v1", "x").status, 400);
}

TEST_F(GcsBuckets, ProbesOfClientsAreAnswered) {
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/storageLayout").json()["bucket"], "bucket");
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/managedFolders?pageSize=1000").json()["kind"],
            "storage#managedFolders");
  EXPECT_EQ(http.Call("GET", "/storage/v1/b/bucket/notificationConfigs").json()["kind"],
            "storage#notifications");
  EXPECT_EQ(http.Call("GET", "/storage/v1/projects/p/serviceAccount").json()["kind"],
            "storage#serviceAccount");
  EXPECT_EQ(http.Call("GET", "/storage/v1/b?project=%3Cnone%3E").status, 200);
  EXPECT_EQ(http.Call("GET", "/storage/v2/b").status, 404);
  EXPECT_EQ(Reason(http.Call("POST", std::string(kUpload) + "?uploadType=odd&name=x")), "invalid");
}

TEST_F(GcsBuckets, NotificationConfigurationsAreKept) {
  const std::string configs = "/storage/v1/b/bucket/notificationConfigs";
  EXPECT_EQ(http.Call("POST", configs, R"({"payload_format":"NONE"})").status, 400);
  EXPECT_EQ(http.Call("POST", configs, R"({"topic":"t","payload_format":"X"})").status, 400);
  const Json made =
      http.Call("POST", configs, R"({"topic":"//p/t","payload_format":"JSON_API_V1"})").json();
  EXPECT_EQ(made["id"], "1");
  EXPECT_EQ(http.Call("GET", configs + "/1").json()["topic"], "//p/t");
  EXPECT_EQ(http.Call("GET", configs).json()["items"].size(), 1u);
  EXPECT_EQ(http.Call("DELETE", configs + "/1").status, 204);
  EXPECT_EQ(http.Call("GET", configs + "/1").status, 404);
  EXPECT_FALSE(http.Call("GET", "/storage/v1/b/bucket").json().contains("notificationConfigs"));
}

TEST_F(GcsBuckets, WhatBucketsHereNeverHaveIsEmptyOrAbsent) {
  for (const char* kind : {"folders", "managedFolders", "anywhereCaches", "operations"}) {
    const std::string list = std::string("/storage/v1/b/bucket/") + kind;
    EXPECT_EQ(http.Call("GET", list).json()["kind"], std::string("storage#") + kind);
    EXPECT_EQ(http.Call("GET", list + "/x").status, 404) << kind;
    EXPECT_EQ(http.Call("POST", list, "{}").status, 501) << kind;
  }
  EXPECT_EQ(http.Call("POST", "/storage/v1/b/bucket/o/bulkRestore", "{}").status, 501);
}

TEST_F(GcsBuckets, LifecycleRulesThatCannotRunAreRefused) {
  for (const char* lifecycle :
       {R"({"rule":{}})", R"({"rule":[{"action":{"type":"Explode"},"condition":{"age":1}}]})",
        R"({"rule":[{"action":{"type":"Delete"},"condition":{"age":"x"}}]})",
        R"({"rule":[{"action":{"type":"Delete"},"condition":{"age":-1}}]})"}) {
    EXPECT_EQ(
        http.Call("PATCH", "/storage/v1/b/bucket", std::string("{\"lifecycle\":") + lifecycle + "}")
            .status,
        400)
        << lifecycle;
  }
  EXPECT_FALSE(http.Call("GET", "/storage/v1/b/bucket").json().contains("lifecycle"));
}

}  // namespace
}  // namespace hodei::wire::gcs
