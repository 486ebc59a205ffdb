#include "domain/environments/layer_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

using ::hodei::testing::IsOk;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr WallTime kNow{1'700'000'000'000'000'000};

WallTime HoursAgo(int hours) { return {kNow.unix_nanos - hours * 3'600'000'000'000}; }

TEST(LayersToRemove, TheOldestGoUntilTheRestFits) {
  const LayerCacheLimits limits{.bytes = 100};
  EXPECT_THAT(
      LayersToRemove({{"new", 60, HoursAgo(2)}, {"old", 60, HoursAgo(9)}, {"mid", 40, HoursAgo(5)}},
                     limits, kNow),
      ElementsAre("old"));
}

TEST(LayersToRemove, AtTheLimitEverythingStays) {
  EXPECT_THAT(
      LayersToRemove({{"a", 50, HoursAgo(5)}, {"b", 50, HoursAgo(6)}}, {.bytes = 100}, kNow),
      IsEmpty());
}

TEST(LayersToRemove, AnOldOneGoesHoweverMuchRoomThereIs) {
  const LayerCacheLimits limits{.bytes = 1 << 30, .age = std::chrono::hours(24)};
  EXPECT_THAT(LayersToRemove({{"a", 1, HoursAgo(24)}, {"b", 1, HoursAgo(25)}}, limits, kNow),
              ElementsAre("b"));
}

TEST(LayersToRemove, WhatWasJustUsedStaysEvenOverTheLimit) {
  EXPECT_THAT(LayersToRemove({{"a", 1000, HoursAgo(0)}}, {.bytes = 1}, kNow), IsEmpty());
}

class LayerCacheTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_THAT(store_.Open(), IsOk()); }
  void Publish(const std::string& key, size_t bytes, WallTime used) {
    const auto build = store_.Prepare(key, "env-" + key);
    ASSERT_THAT(build.status(), IsOk());
    ASSERT_THAT(WriteFileDurably(build->tree() + "/file", std::string(bytes, 'x')), IsOk());
    ASSERT_THAT(store_.Publish(*build), IsOk());
    store_.Touch(key, used);
  }
  TemporaryDirectory directory_;
  LayerStore store_{directory_.path(), "owner"};
};

TEST_F(LayerCacheTest, ALayerThatAReplicaHoldsStaysAndGoesAfterwards) {
  Publish("held", 1 << 20, HoursAgo(48));
  Publish("free", 1 << 20, HoursAgo(48));
  UniqueFd held = *OpenFile(store_.TreePath("held"), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(syscall(SYS_flock, held.get(), LOCK_SH), 0);
  SweepLayers(store_, {.bytes = 1}, kNow);
  EXPECT_TRUE(store_.IsPublished("held"));
  EXPECT_FALSE(store_.IsPublished("free"));
  held.Reset();
  SweepLayers(store_, {.bytes = 1}, kNow);
  EXPECT_FALSE(store_.IsPublished("held"));
  EXPECT_THAT(*ListDirectory(directory_.path() + "/layers"), IsEmpty());
}

TEST_F(LayerCacheTest, LayersTellSizeAndLastUse) {
  Publish("a", 3 << 20, HoursAgo(7));
  const auto layers = store_.Layers();
  ASSERT_THAT(layers.status(), IsOk());
  ASSERT_EQ(layers->size(), 1U);
  EXPECT_EQ(layers->front().key, "a");
  EXPECT_GE(layers->front().bytes, 3 << 20);
  EXPECT_LT(layers->front().bytes, 4 << 20);
  EXPECT_EQ(layers->front().last_used.unix_nanos, HoursAgo(7).unix_nanos);
  EXPECT_EQ(store_.Layers()->front().bytes, layers->front().bytes) << "remembered";
}

TEST_F(LayerCacheTest, ARemovalThatWasCutShortIsFinishedByTheNextStart) {
  Publish("a", 1, HoursAgo(7));
  const std::string gone = directory_.path() + "/layers/.gone-x";
  ASSERT_EQ(rename((directory_.path() + "/layers/a").c_str(), gone.c_str()), 0);
  EXPECT_THAT(*store_.Layers(), IsEmpty());
  ASSERT_THAT(LayerStore(directory_.path(), "owner").Open(), IsOk());
  EXPECT_FALSE(FileExists(gone));
}

}  // namespace
}  // namespace hodei::environments
