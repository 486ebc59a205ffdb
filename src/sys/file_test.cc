#include "sys/file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/testing/status_matchers.h"

namespace hodei {
namespace {

using testing::IsOk;
using testing::StatusIs;

TEST(File, WritesDurablyWithModeAndLeavesNoTemporary) {
  TemporaryDirectory dir;
  const std::string path = dir.path() + "/a";
  ASSERT_THAT(WriteFileDurably(path, "one", 0600), IsOk());
  ASSERT_THAT(WriteFileDurably(path, "two", 0600), IsOk());
  EXPECT_EQ(*ReadFile(path), "two");
  struct stat st {};
  ASSERT_EQ(stat(path.c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
  EXPECT_THAT(*ListDirectory(dir.path()), ::testing::ElementsAre("a"));
}

TEST(File, ReadStopsAtTheLimit) {
  TemporaryDirectory dir;
  ASSERT_THAT(WriteFileDurably(dir.path() + "/a", "12345"), IsOk());
  EXPECT_THAT(ReadFile(dir.path() + "/a", 5), IsOk());
  EXPECT_THAT(ReadFile(dir.path() + "/a", 4), StatusIs(Code::kResourceExhausted));
  EXPECT_THAT(ReadFile(dir.path() + "/none"), StatusIs(Code::kNotFound));
}

TEST(File, RemoveTreeDoesNotFollowLinks) {
  TemporaryDirectory dir;
  ASSERT_THAT(MakeDirectories(dir.path() + "/keep"), IsOk());
  ASSERT_THAT(WriteFileDurably(dir.path() + "/keep/canary", "x"), IsOk());
  ASSERT_THAT(MakeDirectories(dir.path() + "/gone/b/c"), IsOk());
  ASSERT_EQ(symlink((dir.path() + "/keep").c_str(), (dir.path() + "/gone/b/link").c_str()), 0);
  ASSERT_THAT(RemoveTree(dir.path() + "/gone"), IsOk());
  EXPECT_FALSE(FileExists(dir.path() + "/gone"));
  EXPECT_TRUE(FileExists(dir.path() + "/keep/canary"));
  EXPECT_THAT(RemoveTree(dir.path() + "/gone"), IsOk());
}

}  // namespace
}  // namespace hodei
