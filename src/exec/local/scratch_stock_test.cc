#include "exec/local/scratch_stock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/testing/status_matchers.h"
#include "exec/sandbox/scratch.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

using ::hodei::testing::IsOk;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr int64_t kSmall = 32 << 20;
constexpr int64_t kLarge = 64 << 20;

// Backing files of loop devices that lie below `dir`.
std::vector<std::string> LoopsOf(const std::string& dir) {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/block")) {
    const auto text = ReadFile(entry.path().string() + "/loop/backing_file", 4096);
    if (text.ok() && text->find(dir) != std::string::npos) found.push_back(*text);
  }
  return found;
}

template <typename Condition>
bool Eventually(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

class ScratchStockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0 || access("/dev/loop-control", R_OK | W_OK) != 0) {
      GTEST_SKIP() << "needs root and loop devices";
    }
    ASSERT_THAT(MakeDirectories(images()), IsOk());
  }
  std::string templates() const { return root_.path() + "/templates"; }
  std::string images() const { return root_.path() + "/images"; }
  TemporaryDirectory root_;
};

struct statvfs SpaceOf(const UniqueFd& volume) {
  struct statvfs space {};
  EXPECT_EQ(fstatvfs(volume.get(), &space), 0);
  return space;
}

TEST_F(ScratchStockTest, EveryVolumeIsFreshAndHasItsOwnCaps) {
  ScratchStock stock(templates(), images());
  Result<UniqueFd> first = stock.Take(kSmall);
  ASSERT_THAT(first.status(), IsOk());
  ASSERT_TRUE(Eventually([&] { return stock.Ready(kSmall) == kStockVolumesMax; }));
  const UniqueFd file(openat(first->get(), "work/file", O_WRONLY | O_CREAT, 0600));
  ASSERT_TRUE(file);
  Result<UniqueFd> second = stock.Take(kSmall);
  ASSERT_THAT(second.status(), IsOk());
  EXPECT_NE(faccessat(second->get(), "work/file", F_OK, 0), 0);
  EXPECT_EQ(faccessat(second->get(), "tmp", F_OK, 0), 0);
  EXPECT_NE(faccessat(second->get(), "lost+found", F_OK, 0), 0);
  struct stat a {};
  struct stat b {};
  ASSERT_EQ(fstat(first->get(), &a), 0);
  ASSERT_EQ(fstat(second->get(), &b), 0);
  EXPECT_NE(a.st_dev, b.st_dev);
  // One from the stock and one made on demand are the same size, in bytes and in files.
  Result<UniqueFd> direct =
      MakeScratchVolume(*ScratchTemplate(templates(), kSmall), images() + "/direct");
  ASSERT_THAT(direct.status(), IsOk());
  EXPECT_EQ(SpaceOf(*second).f_blocks, SpaceOf(*direct).f_blocks);
  EXPECT_EQ(SpaceOf(*second).f_files, SpaceOf(*direct).f_files);
  EXPECT_LE(SpaceOf(*second).f_blocks * SpaceOf(*second).f_frsize, kSmall);
}

TEST_F(ScratchStockTest, KeepsTheLastSizesOnlyAndNeverMoreThanItsCap) {
  ScratchStock stock(templates(), images());
  ASSERT_THAT(stock.Take(kSmall).status(), IsOk());
  ASSERT_THAT(stock.Take(kLarge).status(), IsOk());
  ASSERT_THAT(stock.Take(2 * kLarge).status(), IsOk());
  ASSERT_TRUE(Eventually([&] {
    return stock.Ready(kLarge) == kStockVolumesMax && stock.Ready(2 * kLarge) == kStockVolumesMax;
  }));
  EXPECT_EQ(stock.Ready(kSmall), 0U);
  EXPECT_TRUE(Eventually(
      [&] { return LoopsOf(root_.path()).size() == kStockSizesMax * kStockVolumesMax; }));
}

TEST_F(ScratchStockTest, GivesEverythingBackAtItsEnd) {
  {
    ScratchStock stock(templates(), images());
    ASSERT_THAT(stock.Take(kSmall).status(), IsOk());
    ASSERT_TRUE(Eventually([&] { return stock.Ready(kSmall) == kStockVolumesMax; }));
    EXPECT_THAT(LoopsOf(root_.path()), Not(IsEmpty()));
  }
  EXPECT_TRUE(Eventually([&] { return LoopsOf(root_.path()).empty(); }));
  EXPECT_THAT(*ListDirectory(images()), IsEmpty());
}

TEST_F(ScratchStockTest, AKilledProcessLeavesNoDeviceAndNoMount) {
  const pid_t child = fork();
  if (child == 0) {
    ScratchStock stock(templates(), images());
    const Result<UniqueFd> taken = stock.Take(kSmall);
    while (stock.Ready(kSmall) < kStockVolumesMax) usleep(1000);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(Eventually([&] { return LoopsOf(root_.path()).empty(); }));
  EXPECT_THAT(*ListDirectory(images()), IsEmpty());
}

TEST_F(ScratchStockTest, AFailureIsToldToWhoAsks) {
  ScratchStock stock(templates(), root_.path() + "/absent");
  EXPECT_FALSE(stock.Take(kSmall).ok());
  EXPECT_FALSE(stock.Take(kSmall).ok());
  EXPECT_EQ(stock.Ready(kSmall), 0U);
}

}  // namespace
}  // namespace hodei::exec
