#include "store/s3/s3_request.h"

#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/testing/status_matchers.h"

namespace hodei::store {
namespace {

using ::hodei::testing::IsOk;
using ::testing::EndsWith;

// The examples of "Authenticating Requests: Using the Authorization Header" in S3's API reference.
class S3Request : public ::testing::Test {
 protected:
  std::string Sign(net::ClientRequest request, std::string_view payload = "") {
    const S3Credentials credentials{
        "AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), "us-east-1"};
    EXPECT_THAT(SignS3Request(credentials, "examplebucket.s3.amazonaws.com", Sha256Hex(payload),
                              *ParseRfc3339("2013-05-24T00:00:00Z"), &request),
                IsOk());
    return std::string(request.headers.Get("Authorization"));
  }
};

TEST_F(S3Request, SignsTheReferencesRangedGet) {
  net::ClientRequest request;
  request.target = "/test.txt";
  request.headers.Add("Range", "bytes=0-9");
  EXPECT_THAT(
      Sign(request),
      EndsWith("SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
               "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"));
}

TEST_F(S3Request, SignsTheReferencesListing) {
  net::ClientRequest request;
  request.target = "/?max-keys=2&prefix=J";
  EXPECT_THAT(
      Sign(request),
      EndsWith("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
}

TEST_F(S3Request, SignsTheReferencesSettingOfALifecycle) {
  net::ClientRequest request;
  request.target = "/?lifecycle";
  EXPECT_THAT(
      Sign(request),
      EndsWith("Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST_F(S3Request, PathsAndQueriesHaveOneSpelling) {
  EXPECT_EQ(S3Path("b", "p/a b+\xc3\xbc"), "/b/p/a%20b%2B%C3%BC");
  EXPECT_EQ(S3Path("b", ""), "/b");
  EXPECT_EQ(S3Query({{"uploads", ""}, {"prefix", "a/b"}}), "uploads=&prefix=a%2Fb");
}

}  // namespace
}  // namespace hodei::store
