// Buckets.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/testing/status_matchers.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_P(ObjectStoreConformance, BucketsAreListedByProjectInPages) {
  for (const char* name : {"bb-1", "bb-2", "cc-1"}) {
    Bucket bucket;
    bucket.set_name(name);
    bucket.set_project_id("p");
    ASSERT_THAT(store_->CreateBucket(bucket), IsOk());
    EXPECT_THAT(store_->CreateBucket(bucket), StatusIs(Code::kAlreadyExists));
  }
  Bucket foreign;
  foreign.set_name("foreign");
  foreign.set_project_id("q");
  ASSERT_THAT(store_->CreateBucket(foreign), IsOk());
  ListBucketsOptions options;
  options.project_id = "p";
  options.limit = 1;
  std::vector<std::string> names;
  do {
    ASSERT_OK_AND_ASSIGN(const ListBucketsPage page, store_->ListBuckets(options));
    for (const Bucket& bucket : page.buckets) names.push_back(bucket.name());
    options.page_token = page.next_page_token;
  } while (!options.page_token.empty());
  EXPECT_THAT(names, ElementsAre("bb-1", "bb-2", "bucket", "cc-1"));
  options = {};
  options.project_id = "p";
  options.prefix = "bb";
  ASSERT_OK_AND_ASSIGN(const ListBucketsPage page, store_->ListBuckets(options));
  EXPECT_EQ(page.buckets.size(), 2u);
}

void LinkBucketsConformance() {}

}  // namespace hodei::store
