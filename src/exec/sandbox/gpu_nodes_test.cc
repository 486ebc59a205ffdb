#include "exec/sandbox/gpu_nodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>

#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

TEST(GpuNodesTest, WithoutGpusOnlyHarmlessNodes) {
  EXPECT_THAT(DeviceRules({}), Each(Not(HasSubstr("b "))));
  EXPECT_THAT(DeviceRules({}), Not(Contains(HasSubstr("195:"))));
  EXPECT_THAT(GpuNodes({}), IsEmpty());
}

// A folder that looks like /dev of a machine with GPUs 0, 1 and 10.
class FakeDeviceFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const unsigned number : {0U, 1U, 10U})
      Node("nvidia" + std::to_string(number), 195, number);
    if (refused_) GTEST_SKIP() << "needs the right to make device nodes";
    Node("nvidiactl", 195, 255);
    Node("nvidia-uvm", 510, 0);
    Node("nvidia-caps", 1, 1);
    std::ofstream(Path("nvidia7")) << "not a device";
    ASSERT_EQ(symlink("/dev/null", Path("nvidia8").c_str()), 0);
    ASSERT_EQ(mkdir(Path("nvidia9").c_str(), 0755), 0);
    Node("nvidia1x", 1, 1);
  }
  void Node(const std::string& name, unsigned major, unsigned minor) {
    refused_ |= mknod(Path(name).c_str(), S_IFCHR | 0666, makedev(major, minor)) != 0;
  }
  std::string Path(const std::string& name) const { return dir_.path() + "/" + name; }
  const std::string& folder() const { return dir_.path(); }

 private:
  TemporaryDirectory dir_;
  bool refused_ = false;
};

TEST_F(FakeDeviceFolder, GpusAreTheNumberedCharacterDevices) {
  EXPECT_THAT(ListGpus(folder()), ElementsAre("0", "1", "10"));
}

TEST_F(FakeDeviceFolder, AReplicaIsShownItsOwnGpusAndTheDriversNodes) {
  EXPECT_THAT(GpuNodes({"1"}, folder()),
              UnorderedElementsAre(Path("nvidia1"), Path("nvidiactl"), Path("nvidia-uvm")));
  EXPECT_THAT(GpuNodes({"0", "10"}, folder()),
              UnorderedElementsAre(Path("nvidia0"), Path("nvidia10"), Path("nvidiactl"),
                                   Path("nvidia-uvm")));
  EXPECT_THAT(GpuNodes({}, folder()), IsEmpty());
}

TEST_F(FakeDeviceFolder, NoNameLeadsToAnotherDevice) {
  for (const char* gpu : {"../null", "", "ctl", "-uvm", "1x", "7", "8", "9", "0/../../null"}) {
    EXPECT_THAT(GpuNodes({gpu}, folder()), Each(Not(HasSubstr("null")))) << gpu;
    EXPECT_THAT(GpuNodes({gpu}, folder()), Not(Contains(Path(std::string("nvidia") + gpu)))) << gpu;
  }
}

TEST_F(FakeDeviceFolder, RulesNameTheDevicesOfThoseNodesAlone) {
  const std::vector<std::string> rules = DeviceRules({"1"}, folder());
  EXPECT_THAT(rules, Contains("c 195:1 rwm"));
  EXPECT_THAT(rules, Contains("c 195:255 rwm"));
  EXPECT_THAT(rules, Contains("c 510:0 rwm"));
  EXPECT_THAT(rules, Not(Contains("c 195:0 rwm")));
  EXPECT_THAT(rules, Not(Contains("c 195:10 rwm")));
}

}  // namespace
}  // namespace hodei::exec
