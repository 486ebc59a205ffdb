#include "server/object_bytes.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::HasSubstr;

class ObjectBytes : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(WriteFileDurably(folder_.path() + "/secret", "s3cret\n"), IsOk());
    S3& s3 = *config_.mutable_storage()->mutable_s3();
    s3.set_endpoint("https://s3.example.com");
    s3.set_bucket("b");
    s3.set_access_key_id("AK");
    s3.set_secret_key_file(folder_.path() + "/secret");
  }
  S3& s3() { return *config_.mutable_storage()->mutable_s3(); }

  TemporaryDirectory folder_;
  Config config_;
};

TEST_F(ObjectBytes, AreInTheDataFolderUnlessAnEndpointIsNamed) {
  ASSERT_OK_AND_ASSIGN(const auto none, ReadRemoteOptions(Config()));
  EXPECT_FALSE(none.has_value());
  ASSERT_OK_AND_ASSIGN(const auto options, ReadRemoteOptions(config_));
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->server.credentials.secret_key.Reveal(), "s3cret");
  EXPECT_EQ(options->server.credentials.region, "us-east-1");
  EXPECT_EQ(options->prefix, "hodei/");
  s3().set_prefix("");
  ASSERT_OK_AND_ASSIGN(const auto bare, ReadRemoteOptions(config_));
  EXPECT_EQ(bare->prefix, "");
}

TEST_F(ObjectBytes, ErrorsNameTheField) {
  const auto message = [](const Config& config) {
    const auto options = ReadRemoteOptions(config);
    EXPECT_FALSE(options.ok());
    return options.status().message();
  };
  s3().clear_bucket();
  EXPECT_THAT(message(config_), HasSubstr("storage.s3.bucket"));
  s3().set_bucket("b");
  s3().clear_access_key_id();
  EXPECT_THAT(message(config_), HasSubstr("access_key_id"));
  s3().set_access_key_id("AK");
  chmod((folder_.path() + "/secret").c_str(), 0644);
  EXPECT_THAT(message(config_), HasSubstr("chmod 600"));
  s3().set_secret_key_file(folder_.path() + "/absent");
  EXPECT_THAT(message(config_), HasSubstr("storage.s3.secret_key_file"));
  s3().clear_endpoint();
  EXPECT_THAT(message(config_), HasSubstr("storage.s3.endpoint"));
}

}  // namespace
}  // namespace hodei::server
