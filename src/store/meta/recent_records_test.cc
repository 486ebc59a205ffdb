#include "store/meta/recent_records.h"

#include <gtest/gtest.h>

namespace hodei::store {
namespace {

Record Job(const std::string& name, size_t bytes = 10) {
  return {.kind = "job",
          .name = name,
          .revision = 1,
          .create_order = 1,
          .value = std::string(bytes, 'v')};
}

TEST(RecentRecords, GivesWhatWasKeptUntilItChanges) {
  RecentRecords recent(1000);
  recent.Keep(recent.Find("job", "a").epoch, Job("a"));
  ASSERT_TRUE(recent.Find("job", "a").record.has_value());
  EXPECT_FALSE(recent.Find("jo", "b/a").record.has_value());
  recent.Forget({Write{.kind = "job", .name = "b"}});
  EXPECT_TRUE(recent.Find("job", "a").record.has_value());
  recent.Forget({Write{.kind = "job", .name = "a"}});
  EXPECT_FALSE(recent.Find("job", "a").record.has_value());
}

TEST(RecentRecords, AReadFromBeforeACommitIsNotKept) {
  RecentRecords recent(1000);
  const uint64_t epoch = recent.Find("job", "a").epoch;
  recent.Forget({Write{.kind = "job", .name = "a"}});
  recent.Keep(epoch, Job("a"));
  EXPECT_FALSE(recent.Find("job", "a").record.has_value());
}

TEST(RecentRecords, NeverHoldsMoreThanItsLimit) {
  RecentRecords recent(1600);
  recent.Keep(0, Job("large", 101));
  EXPECT_FALSE(recent.Find("job", "large").record.has_value());
  for (int i = 100; i < 130; ++i) recent.Keep(0, Job(std::to_string(i), 97));
  size_t held = 0;
  for (int i = 100; i < 130; ++i) held += recent.Find("job", std::to_string(i)).record ? 100 : 0;
  EXPECT_LE(held, 1600u);
  EXPECT_TRUE(recent.Find("job", "129").record.has_value());
}

}  // namespace
TEST(RecentRecords, NothingIsKeptWhileACommitRuns) {
  RecentRecords recent(1000);
  Record record;
  record.kind = "job";
  record.name = "a";
  recent.Pause();
  const uint64_t during = recent.Find("job", "a").epoch;
  recent.Keep(during, record);
  EXPECT_FALSE(recent.Find("job", "a").record.has_value());
  recent.Resume();
  recent.Keep(during, record);  // read while it ran: of the state before or after, who knows
  EXPECT_FALSE(recent.Find("job", "a").record.has_value());
  recent.Keep(recent.Find("job", "a").epoch, record);
  EXPECT_TRUE(recent.Find("job", "a").record.has_value());
}

}  // namespace hodei::store
