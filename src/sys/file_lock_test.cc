#include "sys/file_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <future>
#include <thread>

#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei {
namespace {

using std::chrono::milliseconds;
using testing::IsOk;
using testing::StatusIs;

TEST(FileLock, AnotherOpenFileIsRefusedAfterThePatience) {
  TemporaryDirectory dir;
  UniqueFd first = std::move(*OpenFile(dir.path() + "/lock", O_RDWR | O_CREAT));
  UniqueFd second = std::move(*OpenFile(dir.path() + "/lock", O_RDWR));
  ASSERT_THAT(LockFile(first.get(), milliseconds(0)), IsOk());
  EXPECT_THAT(LockFile(second.get(), milliseconds(0)), StatusIs(Code::kUnavailable));
  first.Reset();
  EXPECT_THAT(LockFile(second.get(), milliseconds(0)), IsOk());
}

TEST(FileLock, AHolderThatGoesWithinThePatienceIsWaitedFor) {
  TemporaryDirectory dir;
  UniqueFd first = std::move(*OpenFile(dir.path() + "/lock", O_RDWR | O_CREAT));
  UniqueFd second = std::move(*OpenFile(dir.path() + "/lock", O_RDWR));
  ASSERT_THAT(LockFile(first.get(), milliseconds(0)), IsOk());
  auto waiting =
      std::async(std::launch::async, [&] { return LockFile(second.get(), milliseconds(60'000)); });
  first.Reset();
  EXPECT_THAT(waiting.get(), IsOk());
}

}  // namespace
}  // namespace hodei
