#include "domain/access/owner.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing/fake_clock.h"
#include "base/testing/status_matchers.h"
#include "domain/access/access_tokens.h"
#include "domain/access/accounts.h"
#include "domain/access/authorizer.h"
#include "domain/access/key_file.h"
#include "domain/access/projects.h"
#include "domain/access/record_kinds.h"
#include "domain/access/rsa_key.h"
#include "sys/file.h"

namespace hodei::access {
namespace {

using ::hodei::testing::FakeClock;
using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class OwnerTest : public ::testing::Test {
 protected:
  Result<OwnerFiles> Ensure(const std::string& url = "http://127.0.0.1:8080") {
    return EnsureOwner({.data_dir = folder_.path(), .server_url = url}, store_.get(), clock_);
  }
  static std::string Text(const std::string& path) {
    return ReadFile(path).value_or(std::string());
  }
  static mode_t ModeOf(const std::string& path) {
    struct stat found {};
    return stat(path.c_str(), &found) == 0 ? found.st_mode & 0777 : 0;
  }

  TemporaryDirectory folder_;
  FakeClock clock_;
  std::unique_ptr<store::MetaStore> store_ = store::MakeMemoryMetaStore();
};

TEST_F(OwnerTest, TheKeyFileMayComeLater) {
  ASSERT_OK_AND_ASSIGN(RsaKeyPair pair, GenerateRsaKey());
  const std::string public_key = pair.public_key_pem;
  const OwnerOptions options{.data_dir = folder_.path(),
                             .server_url = "http://127.0.0.1:8080",
                             .key_pair = [&]() -> Result<RsaKeyPair> { return std::move(pair); },
                             .key_later = true};
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, EnsureOwner(options, store_.get(), clock_));
  EXPECT_TRUE(FileExists(files.token_path));
  EXPECT_FALSE(FileExists(files.key_path));
  ASSERT_THAT(EnsureOwnerKey(options, store_.get(), clock_), IsOk());
  ASSERT_OK_AND_ASSIGN(const KeyFile key, ParseKeyFile(Text(files.key_path)));
  EXPECT_EQ(PublicHalf(key.private_key_pem).value_or(""), public_key);
}

TEST_F(OwnerTest, FirstStartMakesProjectAccountAndFiles) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  EXPECT_EQ(files.key_path, folder_.path() + "/credentials/owner.json");
  EXPECT_EQ(ModeOf(folder_.path() + "/credentials"), 0700u);
  EXPECT_EQ(ModeOf(files.key_path), 0600u);
  EXPECT_EQ(ModeOf(files.token_path), 0600u);

  ASSERT_OK_AND_ASSIGN(const auto project, Projects(store_.get(), &clock_).Get("hodei-local"));
  EXPECT_GE(project.project_number(), 100'000'000'000);
  EXPECT_EQ(project.lifecycle_state(), google::cloud::resourcemanager::v1::Project::ACTIVE);

  const std::string json = Text(files.key_path);
  ASSERT_OK_AND_ASSIGN(const KeyFile key, ParseKeyFile(json));
  EXPECT_EQ(key.client_email, files.email);
  EXPECT_THAT(json, AllOf(HasSubstr("\"type\": \"service_account\""),
                          HasSubstr("\"token_uri\": \"http://127.0.0.1:8080/token\""),
                          HasSubstr("-----BEGIN PRIVATE KEY-----\\n")));
  ASSERT_OK_AND_ASSIGN(const std::string signature, SignRs256(key.private_key_pem, "text"));
  ASSERT_OK_AND_ASSIGN(const auto keys, Accounts(store_.get(), &clock_).ListKeys(files.email));
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_THAT(VerifyRs256(keys[0].public_key_pem(), "text", signature), IsOk());

  AccessTokens tokens(store_.get(), &clock_);
  ASSERT_OK_AND_ASSIGN(const auto found, tokens.Find(Text(files.token_path)));
  EXPECT_EQ(found.account->email(), files.email);
  EXPECT_THAT(
      MakeAuthorizer(store_.get())->Check({.email = files.email}, "hodei-local", "ml.jobs.create"),
      IsOk());
}

TEST_F(OwnerTest, LaterStartsChangeNothing) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  const std::string key = Text(files.key_path), token = Text(files.token_path);
  clock_.Advance(std::chrono::hours(24));
  ASSERT_THAT(Ensure(), IsOk());
  EXPECT_EQ(Text(files.key_path), key);
  EXPECT_EQ(Text(files.token_path), token);
}

TEST_F(OwnerTest, ANewUrlReachesTheKeyFileAndTheKeyStays) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  ASSERT_OK_AND_ASSIGN(const KeyFile before, ParseKeyFile(Text(files.key_path)));
  ASSERT_THAT(Ensure("http://127.0.0.1:9999"), IsOk());
  ASSERT_OK_AND_ASSIGN(const KeyFile after, ParseKeyFile(Text(files.key_path)));
  EXPECT_EQ(after.server_url, "http://127.0.0.1:9999");
  EXPECT_EQ(after.private_key_id, before.private_key_id);
  EXPECT_EQ(after.private_key_pem.Reveal(), before.private_key_pem.Reveal());
  EXPECT_EQ(ModeOf(files.key_path), 0600u);
}

TEST_F(OwnerTest, RemovedFilesAreMadeAnewAndTheOldOnesRevoked) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  ASSERT_OK_AND_ASSIGN(const KeyFile old_key, ParseKeyFile(Text(files.key_path)));
  const std::string old_token = Text(files.token_path);
  ASSERT_EQ(unlink(files.key_path.c_str()), 0);
  ASSERT_EQ(unlink(files.token_path.c_str()), 0);
  ASSERT_THAT(Ensure(), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto keys, Accounts(store_.get(), &clock_).ListKeys(files.email));
  ASSERT_EQ(keys.size(), 1u);
  EXPECT_NE(keys[0].key_id(), old_key.private_key_id);
  AccessTokens tokens(store_.get(), &clock_);
  EXPECT_THAT(tokens.Find(old_token), StatusIs(Code::kNotFound));
  EXPECT_THAT(tokens.Find(Text(files.token_path)), IsOk());
}

TEST_F(OwnerTest, ACrashBetweenRecordAndFileIsMendedWithoutLeftovers) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  // As after a crash: the records are newer than the files.
  ASSERT_THAT(WriteFileDurably(files.key_path, "{\"half", 0600), IsOk());
  ASSERT_THAT(WriteFileDurably(files.token_path, "hodei_at_of_an_earlier_life", 0600), IsOk());
  ASSERT_THAT(Ensure(), IsOk());
  ASSERT_THAT(ParseKeyFile(Text(files.key_path)), IsOk());
  ASSERT_OK_AND_ASSIGN(const auto keys, Accounts(store_.get(), &clock_).ListKeys(files.email));
  EXPECT_EQ(keys.size(), 1u);
  ASSERT_OK_AND_ASSIGN(const auto tokens, store_->List(kAccessTokenKind, {}));
  EXPECT_EQ(tokens.records.size(), 1u);
}

TEST_F(OwnerTest, ARevokedKeyIsReplaced) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  ASSERT_OK_AND_ASSIGN(const KeyFile key, ParseKeyFile(Text(files.key_path)));
  ASSERT_THAT(Accounts(store_.get(), &clock_).DeleteKey(files.email, key.private_key_id), IsOk());
  ASSERT_THAT(Ensure(), IsOk());
  ASSERT_OK_AND_ASSIGN(const KeyFile fresh, ParseKeyFile(Text(files.key_path)));
  EXPECT_NE(fresh.private_key_id, key.private_key_id);
}

TEST_F(OwnerTest, RefusesFilesThatOthersCanRead) {
  ASSERT_OK_AND_ASSIGN(const OwnerFiles files, Ensure());
  for (const std::string& path :
       {files.key_path, files.token_path, folder_.path() + "/credentials"}) {
    const mode_t mode = ModeOf(path);
    ASSERT_EQ(chmod(path.c_str(), mode | 040), 0);
    EXPECT_THAT(Ensure(), StatusIs(Code::kFailedPrecondition,
                                   AllOf(HasSubstr(path), HasSubstr("chmod go-rwx"))));
    ASSERT_EQ(chmod(path.c_str(), mode), 0);
  }
  EXPECT_THAT(Ensure(), IsOk());
}

}  // namespace
}  // namespace hodei::access
