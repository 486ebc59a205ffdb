#include "server/job_trust.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing/status_matchers.h"
#include "net/certificate_authority.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

using ::hodei::testing::IsOk;
using ::testing::StartsWith;

class JobTrustTest : public ::testing::Test {
 protected:
  JobTrustTest() {
    EXPECT_THAT(MakeDirectories(host_), IsOk());
    EXPECT_THAT(WriteFileDurably(host_ + "/ca-certificates.crt", "HOST\n"), IsOk());
    EXPECT_EQ(symlink("/usr/share/x.crt", (host_ + "/1234abcd.0").c_str()), 0);
  }

  const TemporaryDirectory dir_;
  const std::string host_ = dir_.path() + "/host";
  const std::string authority_ =
      net::CreateCertificateAuthority(SystemClock().Now())->certificate_pem;
};

TEST_F(JobTrustTest, AddsTheAuthorityToWhatTheHostTrusts) {
  ASSERT_OK_AND_ASSIGN(const std::string path, MakeJobTrust(dir_.path() + "/t", authority_, host_));
  EXPECT_EQ(*ReadFile(path + "/certs/ca-certificates.crt"), "HOST\n" + authority_);
  EXPECT_EQ(*ReadFile(path + "/authority.pem"), authority_);
  EXPECT_EQ(*ReadFile(path + "/certs/" + *net::HashedFileName(authority_)), authority_);
  char target[64] = {};
  EXPECT_GT(readlink((path + "/certs/1234abcd.0").c_str(), target, sizeof target - 1), 0);
  EXPECT_STREQ(target, "/usr/share/x.crt");
  EXPECT_THAT(*ReadFile(path + "/boto.cfg"), StartsWith("[Boto]\n"));
  for (const char* name : {"", "/certs", "/authority.pem", "/certs/ca-certificates.crt"}) {
    struct stat file {};
    ASSERT_EQ(stat((path + name).c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0044, 0044u) << "the job is another user: " << name;
  }
}

TEST_F(JobTrustTest, TheSameContentIsTheSameFolderAndOtherContentAnother) {
  ASSERT_OK_AND_ASSIGN(const std::string path, MakeJobTrust(dir_.path() + "/t", authority_, host_));
  EXPECT_EQ(*MakeJobTrust(dir_.path() + "/t", authority_, host_), path);
  ASSERT_THAT(WriteFileDurably(host_ + "/ca-certificates.crt", "NEW\n"), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string other,
                       MakeJobTrust(dir_.path() + "/t", authority_, host_));
  EXPECT_NE(other, path);
  EXPECT_TRUE(FileExists(path + "/authority.pem")) << "running jobs still have it";
}

TEST_F(JobTrustTest, AHostThatTrustsNobodyAndADraftLeftBehindAreFine) {
  const std::string none = dir_.path() + "/none";
  ASSERT_OK_AND_ASSIGN(const std::string path, MakeJobTrust(dir_.path() + "/t", authority_, none));
  EXPECT_EQ(*ReadFile(path + "/certs/ca-certificates.crt"), authority_);
  ASSERT_EQ(rename(path.c_str(), (path + ".new").c_str()), 0);
  EXPECT_THAT(MakeJobTrust(dir_.path() + "/t", authority_, none), IsOk());
}

}  // namespace
}  // namespace hodei::server
