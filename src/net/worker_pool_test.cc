#include "net/worker_pool.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

namespace hodei::net {
namespace {

// Holds every task until it is opened.
class Gate {
 public:
  void Enter() {
    std::unique_lock lock(mutex_);
    ++inside_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return open_; });
  }
  void AwaitInside(size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ >= count; });
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t inside_ = 0;
  bool open_ = false;
};

TEST(WorkerPool, GrowsWhileEveryThreadIsBusyAndStopsAtItsLimit) {
  Gate gate;
  WorkerPool pool(8, 2);
  EXPECT_EQ(pool.threads(), 4u);
  for (int i = 0; i < 8; ++i) pool.Submit([&] { gate.Enter(); });
  gate.AwaitInside(8);  // all of them at once, or this never returns
  EXPECT_EQ(pool.threads(), 8u);
  EXPECT_FALSE(pool.Full());
  pool.Submit([] {});
  EXPECT_FALSE(pool.Full());
  pool.Submit([] {});
  EXPECT_TRUE(pool.Full());
  EXPECT_EQ(pool.threads(), 8u);
  gate.Open();
}

TEST(WorkerPool, TheDestructorRunsWhatWasSubmitted) {
  int done = 0;
  std::mutex mutex;
  {
    WorkerPool pool(2, 100);
    for (int i = 0; i < 50; ++i) {
      pool.Submit([&] {
        const std::lock_guard lock(mutex);
        ++done;
      });
    }
  }
  EXPECT_EQ(done, 50);
}

TEST(WorkerPool, APoolOfOneRunsInOrder) {
  std::vector<int> order;
  {
    WorkerPool pool(1, 100);
    EXPECT_EQ(pool.threads(), 1u);
    for (int i = 0; i < 20; ++i) pool.Submit([&order, i] { order.push_back(i); });
  }
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<size_t>(i)], i);
}

}  // namespace
}  // namespace hodei::net
