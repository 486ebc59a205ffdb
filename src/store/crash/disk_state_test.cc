// The simulated disk itself: what it may lose, and what it must not.
#include "store/crash/testing/disk_state.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <set>

#include "sys/file.h"

namespace hodei::store::testing {
namespace {

using Loss = DiskState::Loss;
constexpr Loss kLosses[] = {Loss::kAll, Loss::kNothing, Loss::kTail, Loss::kAny, Loss::kTorn};

class DiskStateTest : public ::testing::Test {
 protected:
  // Does `work` below a folder and lets the state follow.
  template <typename Work>
  void Follow(const Work& work) {
    const TemporaryDirectory folder;
    DiskTrace::Start(folder.path());
    work(folder.path());
    for (const DiskEvent& event : DiskTrace::Stop()) state_.Apply(event);
  }

  // Every content that `name` has in some image; "-" where it is absent.
  std::set<std::string> Seen(const std::string& name) {
    std::set<std::string> seen;
    for (const Loss loss : kLosses) {
      for (int i = 0; i < 200; ++i) {
        const DiskImage image = state_.Cut(loss, &random_);
        const auto it = image.files.find(name);
        seen.insert(it == image.files.end() ? "-" : it->second);
      }
    }
    return seen;
  }

  DiskState state_;
  std::mt19937 random_{5};
};

TEST_F(DiskStateTest, WhatIsNotSyncedMayBeLost) {
  Follow([](const std::string& folder) {
    ASSERT_TRUE(SyncDirectory(folder).ok());
    const UniqueFd fd = OpenFile(folder + "/f", O_RDWR | O_CREAT).value();
    ASSERT_TRUE(WriteAll(fd.get(), "bytes").ok());
  });
  EXPECT_THAT(Seen("f"), ::testing::UnorderedElementsAre("-", "", "bytes"));
}

TEST_F(DiskStateTest, AFileWithoutASyncedNameMayBeGone) {
  Follow([](const std::string& folder) {
    const UniqueFd fd = OpenFile(folder + "/f", O_RDWR | O_CREAT).value();
    ASSERT_TRUE(WriteAll(fd.get(), "bytes").ok());
    ASSERT_EQ(fdatasync(fd.get()), 0);
  });
  EXPECT_THAT(Seen("f"), ::testing::UnorderedElementsAre("-", "bytes"));
}

TEST_F(DiskStateTest, WhatIsSyncedWithItsNameStays) {
  Follow([](const std::string& folder) {
    ASSERT_TRUE(WriteFileDurably(folder + "/f", "old").ok());
    ASSERT_TRUE(WriteFileDurably(folder + "/f", "bytes").ok());
  });
  EXPECT_THAT(Seen("f"), ::testing::ElementsAre("bytes"));
}

TEST_F(DiskStateTest, LaterWritesMayArriveWithoutEarlierOnes) {
  Follow([](const std::string& folder) {
    const UniqueFd fd = OpenFile(folder + "/f", O_RDWR | O_CREAT).value();
    ASSERT_TRUE(WriteAll(fd.get(), "....").ok());
    ASSERT_EQ(fsync(fd.get()), 0);
    ASSERT_TRUE(SyncDirectory(folder).ok());
    ASSERT_EQ(pwrite(fd.get(), "a", 1, 0), 1);
    ASSERT_EQ(pwrite(fd.get(), "b", 1, 1), 1);
  });
  EXPECT_THAT(Seen("f"), ::testing::UnorderedElementsAre("....", "a...", ".b..", "ab.."));
}

TEST_F(DiskStateTest, AWriteMayBeTornAtASector) {
  const std::string two_sectors = std::string(512, 'x') + std::string(512, 'y');
  Follow([&](const std::string& folder) {
    const UniqueFd fd = OpenFile(folder + "/f", O_RDWR | O_CREAT).value();
    ASSERT_TRUE(SyncDirectory(folder).ok());
    ASSERT_TRUE(WriteAll(fd.get(), two_sectors).ok());
  });
  EXPECT_THAT(Seen("f"),
              ::testing::UnorderedElementsAre("", two_sectors, std::string(512, 'x'),
                                              std::string(512, '\0') + std::string(512, 'y')));
}

TEST_F(DiskStateTest, ARenameHappensWholeOrNotAtAll) {
  Follow([](const std::string& folder) {
    ASSERT_TRUE(WriteFileDurably(folder + "/f", "old").ok());
    ASSERT_TRUE(WriteFileDurably(folder + "/t", "new").ok());
    ASSERT_EQ(rename((folder + "/t").c_str(), (folder + "/f").c_str()), 0);
  });
  EXPECT_THAT(Seen("f"), ::testing::UnorderedElementsAre("old", "new"));
}

TEST_F(DiskStateTest, ARemovedFileMayComeBack) {
  Follow([](const std::string& folder) {
    ASSERT_TRUE(WriteFileDurably(folder + "/f", "bytes").ok());
    ASSERT_EQ(unlink((folder + "/f").c_str()), 0);
  });
  EXPECT_THAT(Seen("f"), ::testing::UnorderedElementsAre("-", "bytes"));
}

}  // namespace
}  // namespace hodei::store::testing
