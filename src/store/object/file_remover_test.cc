#include "store/object/file_remover.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/testing/status_matchers.h"
#include "store/object/local_files.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

class FileRemoverTest : public ::testing::Test {
 protected:
  std::string Make(int number, int64_t size = 5) const {
    std::string path = fmt::format("{}/file-{}", folder_.path(), number);
    std::ofstream(path) << "bytes";
    std::filesystem::resize_file(path, size);
    return path;
  }
  size_t Files() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      if (entry.path().filename().string().starts_with("file-")) ++count;
    }
    return count;
  }
  // Descriptors of this process that keep a file without a name.
  size_t Nameless() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code gone;
      const std::string target = std::filesystem::read_symlink(entry, gone).string();
      if (target.starts_with(folder_.path()) && target.ends_with("(deleted)")) ++count;
    }
    return count;
  }

  TemporaryDirectory folder_;
};

TEST_F(FileRemoverTest, NamesGoAtOnceAndSpaceByTheEnd) {
  const int count = 3 * static_cast<int>(kFilesClosing);
  {
    FileRemover remover(folder_.path());
    for (int i = 0; i < count; ++i) remover.Remove(Make(i, kClosedLaterBytes));
    EXPECT_EQ(Files(), 0U);
    EXPECT_LE(Nameless(), kFilesClosing + 1);
    remover.Remove(folder_.path() + "/never-there");
  }
  EXPECT_EQ(Nameless(), 0U);
}

TEST_F(FileRemoverTest, SpaceOfSmallFilesIsFreeAtOnce) {
  FileRemover remover(folder_.path());
  for (int i = 0; i < 20; ++i) remover.Remove(Make(i, kClosedLaterBytes - 1));
  EXPECT_EQ(Files(), 0U);
  EXPECT_EQ(Nameless(), 0U);
}

TEST_F(FileRemoverTest, APausePutsOffAsManyAsItMay) {
  FileRemover remover(folder_.path(), 2);
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd paused, PauseRemovals(folder_.path()));
    for (int i = 0; i < 3; ++i) remover.Remove(Make(i));
    EXPECT_EQ(Files(), 3U);
  }
  remover.Finish();
  EXPECT_EQ(Files(), 1U);  // beyond the limit: for recovery at the next start
  remover.Remove(Make(4));
  EXPECT_EQ(Files(), 1U);
}

}  // namespace
}  // namespace hodei::store
