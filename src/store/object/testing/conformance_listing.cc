// Listing: prefixes, delimiters, globs, pages.
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

namespace {

std::vector<std::string> Names(const ListObjectsPage& page) {
  std::vector<std::string> names;
  for (const Object& object : page.items) names.push_back(object.name());
  return names;
}

}  // namespace

TEST_P(ObjectStoreConformance, ListsByPrefixAndDelimiterInPages) {
  for (const char* name : {"a", "a/1", "a/2", "a/b/3", "b/", "b/1", "c", "c/d/e", "z"}) {
    ASSERT_THAT(Put(name, "x"), IsOk());
  }
  ListObjectsOptions options;
  options.delimiter = "/";
  ASSERT_OK_AND_ASSIGN(ListObjectsPage page, store_->ListObjects("bucket", options));
  EXPECT_THAT(Names(page), ElementsAre("a", "c", "z"));
  EXPECT_THAT(page.prefixes, ElementsAre("a/", "b/", "c/"));
  options.prefix = "a/";
  ASSERT_OK_AND_ASSIGN(page, store_->ListObjects("bucket", options));
  EXPECT_THAT(Names(page), ElementsAre("a/1", "a/2"));
  EXPECT_THAT(page.prefixes, ElementsAre("a/b/"));
  options.prefix = "";
  options.include_trailing_delimiter = true;
  ASSERT_OK_AND_ASSIGN(page, store_->ListObjects("bucket", options));
  EXPECT_THAT(Names(page), ElementsAre("a", "b/", "c", "z"));
  options = {};
  options.start_offset = "a/2";
  options.end_offset = "c";
  ASSERT_OK_AND_ASSIGN(page, store_->ListObjects("bucket", options));
  EXPECT_THAT(Names(page), ElementsAre("a/2", "a/b/3", "b/", "b/1"));
}

TEST_P(ObjectStoreConformance, PagesJoinToTheWholeListing) {
  SetVersioning(true);
  for (const char* name : {"a", "a/1", "a/2", "b/", "b/x", "b/y", "c", "d/e", "f", "g/"}) {
    ASSERT_THAT(Put(name, "1"), IsOk());
    ASSERT_THAT(Put(name, "2"), IsOk());
  }
  for (const int variant : {0, 1, 2, 3, 4, 5, 6, 7}) {
    for (const size_t limit : {1, 2, 3}) {
      ListObjectsOptions options;
      options.versions = (variant & 1) != 0;
      options.delimiter = (variant & 2) != 0 ? "/" : "";
      options.include_trailing_delimiter = (variant & 4) != 0;
      ASSERT_OK_AND_ASSIGN(const ListObjectsPage whole, store_->ListObjects("bucket", options));
      options.limit = limit;
      ListObjectsPage joined;
      do {
        ASSERT_LT(joined.items.size() + joined.prefixes.size(), 100u) << "pages never end";
        ASSERT_OK_AND_ASSIGN(const ListObjectsPage page, store_->ListObjects("bucket", options));
        joined.items.insert(joined.items.end(), page.items.begin(), page.items.end());
        joined.prefixes.insert(joined.prefixes.end(), page.prefixes.begin(), page.prefixes.end());
        options.page_token = page.next_page_token;
      } while (!options.page_token.empty());
      EXPECT_EQ(Names(joined), Names(whole));
      EXPECT_EQ(joined.prefixes, whole.prefixes);
    }
  }
  ListObjectsOptions garbage;
  for (const char* token : {"x", "AAAA", "!!", "AQAAAAAAAAAAYQ"}) {
    garbage.page_token = token;
    EXPECT_THAT(store_->ListObjects("bucket", garbage), StatusIs(Code::kInvalidArgument));
  }
}

TEST_P(ObjectStoreConformance, GlobsSelectNames) {
  for (const char* name : {"a/1.txt", "a/2.csv", "a/b/3.txt", "top.txt"}) {
    ASSERT_THAT(Put(name, "x"), IsOk());
  }
  const auto list = [&](const char* glob) {
    ListObjectsOptions options;
    options.match_glob = glob;
    const Result<ListObjectsPage> page = store_->ListObjects("bucket", options);
    return page.ok() ? Names(*page) : std::vector<std::string>{"error"};
  };
  EXPECT_THAT(list("*.txt"), ElementsAre("top.txt"));
  EXPECT_THAT(list("**.txt"), ElementsAre("a/1.txt", "a/b/3.txt", "top.txt"));
  EXPECT_THAT(list("a/*"), ElementsAre("a/1.txt", "a/2.csv"));
  EXPECT_THAT(list("a/[!1].{csv,txt}"), ElementsAre("a/2.csv"));
  EXPECT_THAT(list("a/?.txt"), ElementsAre("a/1.txt"));
  EXPECT_THAT(list("a/["), ElementsAre("error"));
}

void LinkListingConformance() {}

}  // namespace hodei::store
