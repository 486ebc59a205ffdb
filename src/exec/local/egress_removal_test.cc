#include "exec/local/egress_removal.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace hodei::exec {
namespace {

constexpr std::chrono::minutes kPatience{1};

TEST(EgressRemovalTest, GivesBackOnceAWhileAfterTheLastRelease) {
  std::atomic<int> removals{0};
  std::promise<void> first;
  EgressRemoval removal(
      [&] {
        if (++removals == 1) first.set_value();
      },
      std::chrono::milliseconds(1));
  removal.Released();
  ASSERT_EQ(first.get_future().wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(removals, 1);
}

TEST(EgressRemovalTest, ReplicasThatFollowEachOtherFindItInPlace) {
  std::atomic<int> removals{0};
  {
    EgressRemoval removal([&] { ++removals; }, kPatience);
    removal.Released();
    removal.Released();
    EXPECT_EQ(removals, 0);
  }
  EXPECT_EQ(removals, 1) << "at its end at once";
}

TEST(EgressRemovalTest, WhereNothingWasReleasedNothingIsGivenBack) {
  std::atomic<int> removals{0};
  {
    EgressRemoval removal([&] { ++removals; }, std::chrono::milliseconds(1));
  }
  EXPECT_EQ(removals, 0);
}

// A replica that ends while the last one's things are given back is the next round's.
TEST(EgressRemovalTest, AReleaseMeanwhileIsNotForgotten) {
  std::atomic<int> removals{0};
  std::promise<void> second;
  EgressRemoval* self = nullptr;
  EgressRemoval removal(
      [&] {
        const int count = ++removals;
        if (count == 1) self->Released();
        if (count == 2) second.set_value();
      },
      std::chrono::milliseconds(1));
  self = &removal;
  removal.Released();
  EXPECT_EQ(second.get_future().wait_for(kPatience), std::future_status::ready);
}

}  // namespace
}  // namespace hodei::exec
