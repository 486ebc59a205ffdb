#include "domain/jobs/private_google.h"

#include <gmock/gmock.h>

namespace hodei::jobs {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(PrivateGoogle, EveryLibraryFindsTheBundleAndTheMetadataService) {
  const auto variables = PrivateVariables();
  for (const char* name : {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
                           "HTTPLIB2_CA_CERTS", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"}) {
    EXPECT_EQ(variables.at(name), "/etc/ssl/certs/ca-certificates.crt") << name;
  }
  EXPECT_EQ(variables.at("GCE_METADATA_HOST"), "metadata.google.internal");
  // It would make every client anonymous.
  EXPECT_FALSE(variables.contains("STORAGE_EMULATOR_HOST"));
}

TEST(PrivateGoogle, TheNamesAreThoseOfTheApisAndOfTheMetadataServiceAlone) {
  EXPECT_THAT(PrivateNames(), Contains("googleapis.com"));
  EXPECT_THAT(PrivateNames(), Contains("metadata"));
  EXPECT_THAT(PrivateNames(), Not(Contains("google.com"))) << "the rest of Google is the internet";
}

TEST(PrivateGoogle, ANoteStandsWhereBucketsCannotBeFiles) {
  const auto inside = [](bool bucket_files) {
    std::vector<std::string> places;
    for (const exec::Mount& mount : TrustMounts("/data/t", bucket_files)) {
      EXPECT_FALSE(mount.writable);
      EXPECT_THAT(mount.host_path, StartsWith("/data/t"));
      places.push_back(mount.inside_path);
    }
    return places;
  };
  EXPECT_THAT(inside(false), Contains("/gcs"));
  EXPECT_THAT(inside(true), Not(Contains("/gcs")));
  EXPECT_THAT(inside(true), Contains("/etc/ssl/certs"));
  EXPECT_THAT(NoBucketFilesNote(), HasSubstr("gs://"));
}

}  // namespace
}  // namespace hodei::jobs
