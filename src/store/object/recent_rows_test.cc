#include "store/object/recent_rows.h"

#include <gmock/gmock.h>

namespace hodei::store {
namespace {

std::shared_ptr<const BucketRow> BucketOf(const std::string& name, int64_t id) {
  BucketRow row;
  row.id = id;
  row.bucket.set_name(name);
  return std::make_shared<const BucketRow>(std::move(row));
}

RecentObject ObjectOf(const std::string& name, size_t bytes = 0) {
  google::storage::v1::Object object;
  object.set_name(name);
  object.set_content_type(std::string(bytes, 't'));
  return {
      BucketOf("b", 1), std::make_shared<const google::storage::v1::Object>(std::move(object)), {}};
}

class RecentRowsTest : public ::testing::Test {
 protected:
  void Keep(const std::string& name) { rows_.KeepObject(rows_.epoch(), ObjectOf(name)); }
  bool Has(const std::string& name) const { return rows_.FindObject("b", name) != nullptr; }

  RecentRows rows_{1 << 20};
};

TEST_F(RecentRowsTest, WhatIsKeptIsFoundWithItsBucket) {
  Keep("o");
  EXPECT_TRUE(Has("o"));
  EXPECT_FALSE(Has("other"));
  EXPECT_EQ(rows_.FindBucket("b")->id, 1);
  EXPECT_EQ(rows_.FindObject("elsewhere", "o"), nullptr);
}

TEST_F(RecentRowsTest, AChangeIsForgottenBeforeItCommits) {
  Keep("o");
  Keep("other");
  RowChanges write(&rows_);
  write.ObjectChanges(1, "o");
  EXPECT_FALSE(Has("o"));
  EXPECT_TRUE(Has("other"));
}

TEST_F(RecentRowsTest, NothingOfAChangedRowIsKeptWhileItCommits) {
  {
    RowChanges write(&rows_);
    write.ObjectChanges(1, "o");
    Keep("o");  // read before or after the commit: nobody can tell
    EXPECT_FALSE(Has("o"));
    Keep("other");
    EXPECT_TRUE(Has("other"));
  }
  Keep("o");
  EXPECT_TRUE(Has("o"));
}

TEST_F(RecentRowsTest, AReadThatBeganBeforeAChangeIsNotKeptAfterIt) {
  const uint64_t before = rows_.epoch();
  {
    RowChanges write(&rows_);
    write.ObjectChanges(1, "o");
  }
  rows_.KeepObject(before, ObjectOf("o"));
  EXPECT_FALSE(Has("o"));
  rows_.KeepObject(rows_.epoch(), ObjectOf("o"));
  EXPECT_TRUE(Has("o"));
}

TEST_F(RecentRowsTest, AChangedBucketTakesItsObjectsAlong) {
  Keep("o");
  const uint64_t before = rows_.epoch();
  {
    RowChanges write(&rows_);
    write.BucketChanges();
    EXPECT_EQ(rows_.FindBucket("b"), nullptr);
    Keep("o");
    EXPECT_FALSE(Has("o"));
  }
  rows_.KeepObject(before, ObjectOf("o"));
  EXPECT_FALSE(Has("o"));
  Keep("o");
  EXPECT_TRUE(Has("o"));
}

TEST_F(RecentRowsTest, TwoWritesOfOneRowBothEndBeforeItIsKept) {
  auto first = std::make_unique<RowChanges>(&rows_);
  RowChanges second(&rows_);
  first->ObjectChanges(1, "o");
  second.ObjectChanges(1, "o");
  first.reset();
  Keep("o");
  EXPECT_FALSE(Has("o"));
}

TEST_F(RecentRowsTest, HoldsNoMoreThanItsLimit) {
  constexpr int kRows = 3000;
  for (int i = 0; i < kRows; ++i) Keep(std::to_string(i));
  int found = 0;
  for (int i = 0; i < kRows; ++i) found += Has(std::to_string(i)) ? 1 : 0;
  EXPECT_GT(found, 0);
  EXPECT_LT(found, (1 << 20) / 600);
  rows_.KeepObject(rows_.epoch(), ObjectOf("large", 1 << 19));
  EXPECT_FALSE(Has("large"));
}

}  // namespace
}  // namespace hodei::store
