#include "domain/environments/pip_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "sys/file.h"

namespace hodei::environments {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;

class PipSettingsTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    std::string path = folder_.path() + "/" + name;
    EXPECT_TRUE(MakeDirectories(path.substr(0, path.rfind('/'))).ok());
    std::ofstream(path) << text;
    return path;
  }
  PipSettings Gather(std::map<std::string, std::string> environment) {
    return GatherPipSettings({.environment = std::move(environment),
                              .home = folder_.path() + "/home",
                              .etc = folder_.path() + "/etc"});
  }
  TemporaryDirectory folder_;
};

TEST_F(PipSettingsTest, ConfigFilesComeInPipsOrder) {
  std::string own = Write("own.conf", "[global]\ntimeout=3\n");
  std::string user = Write("home/.config/pip/pip.conf", "[global]\ntimeout=2\n");
  std::string global = Write("etc/pip.conf", "[global]\ntimeout=1\n");
  EXPECT_THAT(Gather({{"PIP_CONFIG_FILE", own}}).config_files, ElementsAre(global, user, own));
}

TEST_F(PipSettingsTest, FilesThatTheSettingsNameAreMountedAndRenamed) {
  std::string bundle = Write("certificates.pem", "-----");
  std::string wheels = Write("wheels/x.whl", "x");
  wheels.resize(wheels.rfind('/'));
  Write("etc/pip.conf",
        "[global]\ncert = " + bundle + "\nfind-links =\n    file://" + wheels + "\n");
  PipSettings settings = Gather({{"PIP_CERT", bundle},
                                 {"REQUESTS_CA_BUNDLE", bundle},
                                 {"PIP_FIND_LINKS", wheels + " https://wheels.example"}});
  ASSERT_EQ(settings.mounts.size(), 2u);
  EXPECT_EQ(settings.mounts[0].host_path, bundle);
  EXPECT_FALSE(settings.mounts[0].writable);
  EXPECT_EQ(settings.env["PIP_CERT"], settings.mounts[0].inside_path);
  EXPECT_EQ(settings.env["REQUESTS_CA_BUNDLE"], settings.mounts[0].inside_path);
  EXPECT_EQ(settings.env["PIP_FIND_LINKS"],
            settings.mounts[1].inside_path + " https://wheels.example");
  EXPECT_EQ(settings.inside_paths[wheels], settings.mounts[1].inside_path);
}

TEST_F(PipSettingsTest, OnlyPipAndNetworkVariablesArePassedOn) {
  PipSettings settings = Gather({{"PIP_INDEX_URL", "https://index.example/simple"},
                                 {"https_proxy", "http://proxy.example:3128"},
                                 {"PIP_TARGET", "/somewhere"},
                                 {"PIP_USER", "1"},
                                 {"LD_PRELOAD", "/tmp/canary.so"},
                                 {"PYTHONPATH", "/tmp"},
                                 {"PATH", "/tmp"},
                                 {"GOOGLE_APPLICATION_CREDENTIALS", "/key.json"}});
  EXPECT_THAT(settings.env, ElementsAre(Key("PIP_INDEX_URL"), Key("https_proxy")));
}

TEST_F(PipSettingsTest, MissingFilesAndForeignPathsAreLeftAlone) {
  PipSettings settings = Gather({{"PIP_CERT", "/no/such/file"}, {"PIP_TIMEOUT", "5"}});
  EXPECT_EQ(settings.env["PIP_CERT"], "/no/such/file");
  EXPECT_THAT(settings.mounts, IsEmpty());
  EXPECT_THAT(settings.config_files, IsEmpty());
}

TEST_F(PipSettingsTest, PathsAreCountedUpToTheLimit) {
  std::string text = "[global]\nfind-links =\n";
  for (size_t i = 0; i < kPipPathsMax + 5; ++i) {
    text += "  " + Write("w" + std::to_string(i), "") + "\n";
  }
  Write("etc/pip.conf", text);
  EXPECT_EQ(Gather({}).mounts.size(), kPipPathsMax);
}

}  // namespace
}  // namespace hodei::environments
