// gsutil's words, signed URLs and what flags say about buckets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/storage/access_changes.h"
#include "cli/storage/resource_display.h"
#include "cli/storage/sign_url.h"
#include "cli/testing/imposter.h"
#include "cli/testing/run_cli.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

using ::testing::HasSubstr;

class Gsutil : public ::testing::Test {
 protected:
  CliRun Run(std::vector<std::string> words) {
    return RunCli(words, {{"HODEI_SERVER", imposter_.url()},
                          {"HODEI_CONFIG", folder_.path() + "/config"},
                          {"HODEI_DATA", folder_.path() + "/data"}});
  }
  std::string LastBody() { return imposter_.requests().back().body; }

  Imposter imposter_;
  TemporaryDirectory folder_;
};

TEST_F(Gsutil, SettingsAreReadAndWrittenInItsWords) {
  imposter_.On("GET", "/storage/v1/b/bkt", 200,
               R"({"name":"bkt","storageClass":"STANDARD","versioning":{"enabled":true}})");
  imposter_.On("PATCH", "/storage/v1/b/bkt", 200, "{}");
  EXPECT_EQ(Run({"gsutil", "versioning", "get", "gs://bkt"}).out, "gs://bkt: Enabled\n");
  EXPECT_EQ(Run({"gsutil", "label", "get", "gs://bkt"}).out,
            "gs://bkt/ has no label configuration.\n");
  EXPECT_EQ(Run({"gsutil", "defstorageclass", "get", "gs://bkt"}).out, "gs://bkt: STANDARD\n");
  EXPECT_EQ(Run({"gsutil", "-m", "versioning", "set", "off", "gs://bkt"}).err,
            "Suspending versioning for gs://bkt/...\n");
  EXPECT_EQ(LastBody(), R"({"versioning":{"enabled":false}})");
  EXPECT_EQ(Run({"gsutil", "-q", "label", "ch", "-l", "a:b", "-d", "c", "gs://bkt"}).err, "");
  EXPECT_EQ(LastBody(), R"({"labels":{"a":"b","c":null}})");
  EXPECT_EQ(Run({"gsutil", "versioning", "set", "perhaps", "gs://bkt"}).exit_code, 2);
  EXPECT_EQ(Run({"gsutil", "versioning", "get", "gs://bkt/o"}).exit_code, 1);
}

TEST_F(Gsutil, AccessListsAndPolicies) {
  imposter_.On("GET", "/storage/v1/b/bkt/o/a", 200, R"({"bucket":"bkt","name":"a","size":"1"})");
  imposter_.On("POST", "/storage/v1/b/bkt/o/a/acl", 200, "{}");
  imposter_.On("GET", "/storage/v1/b/bkt/iam", 200, R"({"bindings":[],"etag":"CAE=","kind":"x"})");
  imposter_.On("PUT", "/storage/v1/b/bkt/iam", 200, "{}");
  CliRun run = Run({"gsutil", "acl", "ch", "-u", "AllUsers:R", "gs://bkt/a"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(LastBody(), R"({"entity":"allUsers","role":"READER"})");
  EXPECT_EQ(Run({"gsutil", "iam", "ch", "allUsers:objectViewer", "gs://bkt"}).exit_code, 0);
  EXPECT_EQ(LastBody(),
            R"({"bindings":[{"members":["allUsers"],"role":"roles/storage.objectViewer"}],)"
            R"("etag":"CAE="})");
}

TEST_F(Gsutil, HeadersBeforeTheCommandBecomeMetadata) {
  ASSERT_TRUE(WriteFileDurably(folder_.path() + "/f", "x").ok());
  imposter_.On("GET", "/storage/v1/b/bkt/o", 200, "{}");
  imposter_.On("POST", "/upload/", 400, "{}");
  Run({"gsutil", "-mq", "-h", "Content-Type: text/special", "-h", "x-goog-meta-a:b", "cp",
       folder_.path() + "/f", "gs://bkt/f"});
  EXPECT_THAT(LastBody(), HasSubstr(R"("contentType":"text/special")"));
  EXPECT_THAT(LastBody(), HasSubstr(R"("metadata":{"a":"b"})"));
}

TEST_F(Gsutil, MissingBucketsAndObjectsAreNamedAsGsutilNamesThem) {
  EXPECT_EQ(Run({"gsutil", "ls", "gs://bkt"}).err,
            "BucketNotFoundException: 404 gs://bkt bucket does not exist.\n");
  CliRun stat = Run({"gsutil", "stat", "gs://bkt/none"});
  EXPECT_EQ(stat.exit_code, 1);
  EXPECT_EQ(stat.err, "No URLs matched: gs://bkt/none\n");
  EXPECT_EQ(Run({"gsutil", "rm", "gs://bkt/none"}).err,
            "CommandException: No URLs matched: gs://bkt/none\n");
  EXPECT_EQ(Run({"gsutil", "rm", "-f", "gs://bkt/none"}).exit_code, 1);
}

TEST(Access, WordsBecomeEntitiesAndRoles) {
  EXPECT_EQ(ParseAccessWords('u', "AllAuth:O", false)->entity, "allAuthenticatedUsers");
  EXPECT_EQ(ParseAccessWords('u', "a@b.c:W", false)->entity, "user-a@b.c");
  EXPECT_EQ(ParseAccessWords('g', "a@b.c:FC", false)->role, "OWNER");
  EXPECT_EQ(ParseAccessWords('u', "b.c:R", false)->entity, "domain-b.c");
  EXPECT_EQ(ParseAccessWords('p', "owners-1:R", false)->entity, "project-owners-1");
  EXPECT_FALSE(ParseAccessWords('u', "AllUsers", false).ok());
  EXPECT_FALSE(ParseAccessWords('u', "AllUsers:X", false).ok());
  Json policy = Json::object();
  EXPECT_TRUE(ChangeBinding(&policy, "r", "m", true));
  EXPECT_FALSE(ChangeBinding(&policy, "r", "m", true));
  EXPECT_TRUE(ChangeBinding(&policy, "r", "m", false));
  EXPECT_FALSE(ChangeBinding(&policy, "r", "m", false));
  EXPECT_EQ(JsonText(policy), R"({"bindings":[]})");
}

TEST(Durations, AreReadInBothNotations) {
  EXPECT_EQ(ParseDurationSeconds("90").value_or(0), 90);
  EXPECT_EQ(ParseDurationSeconds("1h30m").value_or(0), 5400);
  EXPECT_EQ(ParseDurationSeconds("7d").value_or(0), 604800);
  EXPECT_EQ(ParseDurationSeconds("P1DT1S").value_or(0), 86401);
  EXPECT_EQ(ParseDurationSeconds("0").value_or(1), 0);
  for (const char* bad : {"", "x", "5q", "-1s", "99999999999999999999d", "m"}) {
    EXPECT_FALSE(ParseDurationSeconds(bad).ok()) << bad;
  }
}

TEST(Display, ResourcesTakeGcloudsNames) {
  Json object = {{"bucket", "b"},
                 {"name", "o"},
                 {"size", "12"},
                 {"generation", "5"},
                 {"metageneration", "2"},
                 {"temporaryHold", true},
                 {"timeCreated", "2026-11-27T20:31:27.123Z"}};
  EXPECT_EQ(JsonText(ShownObject(object)),
            R"({"bucket":"b","creation_time":"2026-11-27T20:31:27+0000","generation":"5",)"
            R"("metageneration":2,"name":"o","size":12,"storage_url":"gs://b/o#5",)"
            R"("temporary_hold":true})");
  EXPECT_THAT(LongObject(object, "gs://b/o", true, false),
              HasSubstr("    Creation time:          Fri, 27 Nov 2026 20:31:27 GMT\n"));
  EXPECT_THAT(LongObject(object, "gs://b/o", false, true),
              HasSubstr("  Creation Time:               2026-11-27T20:31:27Z\n"));
}

}  // namespace
}  // namespace hodei::cli
