#include "server/options.h"

#include <gmock/gmock.h>

#include "base/testing/status_matchers.h"

namespace hodei::server {
namespace {

using hodei::testing::IsOk;
using hodei::testing::StatusIs;
using ::testing::HasSubstr;

Result<Options> Parse(std::vector<std::string> words) {
  words.insert(words.begin(), "hodeid");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

TEST(Options, ReadsTheFixedFlags) {
  ASSERT_OK_AND_ASSIGN(const Options options,
                       Parse({"--data", "/d/", "--listen", "127.0.0.1:0", "--auth", "none"}));
  EXPECT_EQ(options.data_dir, "/d");
  EXPECT_EQ(options.listen.port, 0);
  EXPECT_EQ(options.listen_tls.port, 8443);
  EXPECT_TRUE(options.auth_none);
}

TEST(Options, EphemeralImpliesEmulatorModeAndRandomPorts) {
  ASSERT_OK_AND_ASSIGN(const Options options, Parse({"--ephemeral"}));
  EXPECT_TRUE(options.auth_none);
  EXPECT_EQ(options.listen.port, 0);
  EXPECT_EQ(options.listen_tls.port, 0);
}

TEST(Options, RefusesBadAddressesAndUnknownFlags) {
  for (const char* address : {"", ":1", "host", "h:99999", "h:x", "1:2:3", "h:-1"}) {
    EXPECT_THAT(ParseHostPort(address), StatusIs(Code::kInvalidArgument)) << address;
  }
  EXPECT_EQ(ParseHostPort("[::1]:80")->host, "::1");
  EXPECT_THAT(Parse({"--nonsense"}), StatusIs(Code::kInvalidArgument, HasSubstr("--help")));
  EXPECT_THAT(Parse({"--auth", "maybe"}), StatusIs(Code::kInvalidArgument));
}

TEST(Options, RefusesToServeStrangers) {
  const struct {
    const char* listen;
    const char* tls;
    bool auth_none;
    bool insecure;
    bool ok;
  } cases[] = {
      {"127.0.0.1:1", "127.0.0.1:2", false, false, true},
      {"127.0.0.1:1", "127.0.0.1:2", true, false, true},
      {"127.0.0.1:1", "0.0.0.0:2", false, false, true},
      {"0.0.0.0:1", "127.0.0.1:2", false, false, false},
      {"0.0.0.0:1", "127.0.0.1:2", false, true, true},
      {"0.0.0.0:1", "127.0.0.1:2", true, true, false},
      {"127.0.0.1:1", "0.0.0.0:2", true, false, false},
  };
  for (const auto& c : cases) {
    Options options;
    options.listen = *ParseHostPort(c.listen);
    options.listen_tls = *ParseHostPort(c.tls);
    options.auth_none = c.auth_none;
    options.insecure_public_http = c.insecure;
    EXPECT_EQ(CheckExposure(options).ok(), c.ok) << c.listen << " " << c.tls;
  }
}

}  // namespace
}  // namespace hodei::server
