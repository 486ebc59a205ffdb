#include "store/meta/testing/meta_store_conformance.h"

#include <gmock/gmock.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "base/testing/status_matchers.h"
#include "store/meta/write_rules.h"

namespace hodei::store::testing {
namespace {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

}  // namespace

MetaStoreMaker::MetaStoreMaker(std::string name_in,
                               std::function<std::shared_ptr<MetaStore>()> make_in)
    : name(std::move(name_in)), make(std::move(make_in)) {}

std::string MetaStoreConformance::ListNames(std::string_view kind, ListOptions options) {
  std::string out;
  for (int pages = 0; pages < 1000; ++pages) {
    Result<ListPage> page = store_->List(kind, options);
    if (!page.ok()) return page.status().ToString();
    for (size_t i = 0; i < page->records.size(); ++i) {
      out += (i == 0 ? "" : ",") + page->records[i].name;
    }
    if (page->next.empty()) return out;
    out += '|';
    options.after = page->next;
  }
  return "listing never ends";
}

TEST_P(MetaStoreConformance, GetsWhatWasPut) {
  const std::string value("\0binary\xff", 8);
  ASSERT_OK_AND_ASSIGN(auto revisions, store_->Commit({Put("job", "projects/p/jobs/j", value)}));
  ASSERT_EQ(revisions.size(), 1u);
  ASSERT_OK_AND_ASSIGN(Record record, store_->Get("job", "projects/p/jobs/j"));
  EXPECT_EQ(record.kind, "job");
  EXPECT_EQ(record.name, "projects/p/jobs/j");
  EXPECT_EQ(record.value, value);
  EXPECT_EQ(record.revision, revisions[0]);
}

TEST_P(MetaStoreConformance, MissingRecordIsNotFound) {
  EXPECT_THAT(store_->Get("job", "x"), StatusIs(Code::kNotFound, HasSubstr("'x'")));
  ASSERT_THAT(store_->Commit({Put("job", "x", "v")}), IsOk());
  EXPECT_THAT(store_->Get("model", "x"), StatusIs(Code::kNotFound));
}

TEST_P(MetaStoreConformance, NamesAreAnyBytes) {
  const std::vector<std::string> names = {
      std::string("\0", 1),           "\xff\xfe", "'; DROP TABLE records", "a/../b", "", "%",
      std::string(kMaxNameBytes, 'n')};
  for (const std::string& name : names) {
    ASSERT_THAT(store_->Commit({Put("object", name, "v:" + name)}), IsOk());
  }
  for (const std::string& name : names) {
    ASSERT_OK_AND_ASSIGN(Record record, store_->Get("object", name));
    EXPECT_EQ(record.name, name);
    EXPECT_EQ(record.value, "v:" + name);
  }
}

TEST_P(MetaStoreConformance, RevisionsGrowOverTheWholeStore) {
  ASSERT_OK_AND_ASSIGN(auto first, store_->Commit({Put("a", "1", "")}));
  ASSERT_OK_AND_ASSIGN(auto second, store_->Commit({Put("b", "1", ""), Put("b", "2", "")}));
  ASSERT_OK_AND_ASSIGN(auto third, store_->Commit({Delete("a", "1")}));
  ASSERT_OK_AND_ASSIGN(auto fourth, store_->Commit({Put("a", "1", "")}));
  EXPECT_LT(first[0], second[0]);
  EXPECT_LT(second[0], second[1]);
  EXPECT_LT(second[1], third[0]);
  EXPECT_LT(third[0], fourth[0]);
}

TEST_P(MetaStoreConformance, CreateOrderStaysOverUpdates) {
  ASSERT_THAT(store_->Commit({Put("job", "a", "1")}), IsOk());
  ASSERT_OK_AND_ASSIGN(Record before, store_->Get("job", "a"));
  ASSERT_THAT(store_->Commit({Put("job", "a", "2")}), IsOk());
  ASSERT_OK_AND_ASSIGN(Record after, store_->Get("job", "a"));
  EXPECT_EQ(after.create_order, before.create_order);
  EXPECT_GT(after.revision, before.revision);
  EXPECT_EQ(after.value, "2");
}

TEST_P(MetaStoreConformance, CreateRefusesWhatExists) {
  ASSERT_THAT(store_->Commit({Put("job", "a", "1", 0)}), IsOk());
  EXPECT_THAT(store_->Commit({Put("job", "a", "2", 0)}), StatusIs(Code::kAlreadyExists));
  EXPECT_EQ(store_->Get("job", "a")->value, "1");
}

TEST_P(MetaStoreConformance, UpdateNeedsTheRevisionThatWasRead) {
  ASSERT_OK_AND_ASSIGN(auto first, store_->Commit({Put("job", "a", "1")}));
  ASSERT_OK_AND_ASSIGN(auto second, store_->Commit({Put("job", "a", "2", first[0])}));
  EXPECT_THAT(store_->Commit({Put("job", "a", "3", first[0])}), StatusIs(Code::kAborted));
  EXPECT_THAT(store_->Commit({Put("job", "gone", "3", first[0])}), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->Commit({Delete("job", "a", first[0])}), StatusIs(Code::kAborted));
  EXPECT_THAT(store_->Commit({Delete("job", "a", second[0])}), IsOk());
  EXPECT_THAT(store_->Get("job", "a"), StatusIs(Code::kNotFound));
}

TEST_P(MetaStoreConformance, UnconditionalDeleteIsIdempotent) {
  EXPECT_THAT(store_->Commit({Delete("job", "never")}), IsOk());
  EXPECT_THAT(store_->Commit({Delete("job", "never", 7)}), StatusIs(Code::kNotFound));
}

TEST_P(MetaStoreConformance, CommitIsAllOrNothing) {
  ASSERT_THAT(store_->Commit({Put("job", "kept", "1"), Put("job", "old", "1")}), IsOk());
  EXPECT_THAT(store_->Commit({Put("job", "new", "1"), Put("job", "kept", "2"), Delete("job", "old"),
                              Put("job", "kept", "x", 0)}),
              StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(store_->Get("job", "new"), StatusIs(Code::kNotFound));
  EXPECT_EQ(store_->Get("job", "kept")->value, "1");
  EXPECT_EQ(store_->Get("job", "old")->value, "1");
  EXPECT_EQ(ListNames("job", {}), "kept,old");
}

TEST_P(MetaStoreConformance, LaterWritesOfACommitSeeEarlierOnes) {
  EXPECT_THAT(
      store_->Commit({Put("job", "a", "1", 0), Delete("job", "a"), Put("job", "a", "2", 0)}),
      IsOk());
  EXPECT_EQ(store_->Get("job", "a")->value, "2");
}

TEST_P(MetaStoreConformance, RefusesWhatIsOverALimit) {
  EXPECT_THAT(store_->Commit({}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Commit({Put("Job", "a", "")}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Commit({Put("", "a", "")}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Commit({Put("job", std::string(kMaxNameBytes + 1, 'n'), "")}),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Commit({Put("job", "a", std::string(kMaxValueBytes + 1, 'v'))}),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Commit({Put("job", "a", std::string(kMaxValueBytes, 'v'))}), IsOk());
  EXPECT_THAT(store_->Commit(std::vector<Write>(kMaxWritesPerCommit + 1, Put("job", "a", ""))),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->Commit({Delete("job", "a", 0)}), StatusIs(Code::kInvalidArgument));
}

TEST_P(MetaStoreConformance, ListsByNameBytewise) {
  for (const char* name : {"b", "a", "B", "a/b", "\xc3\xa9"}) {
    ASSERT_THAT(store_->Commit({Put("job", name, "")}), IsOk());
  }
  ASSERT_THAT(store_->Commit({Put("model", "other", "")}), IsOk());
  EXPECT_EQ(ListNames("job", {}), "B,a,a/b,b,\xc3\xa9");
}

TEST_P(MetaStoreConformance, ListsAPrefixOnly) {
  for (const char* name : {"p/a", "p/b", "p", "pa", "q/a", "p\xff", "p\xff\xff"}) {
    ASSERT_THAT(store_->Commit({Put("job", name, "")}), IsOk());
  }
  EXPECT_EQ(ListNames("job", {.prefix = "p/"}), "p/a,p/b");
  EXPECT_EQ(ListNames("job", {.prefix = "p/", .newest_first = true}), "p/b,p/a");
  EXPECT_EQ(ListNames("job", {.prefix = "p\xff"}), "p\xff,p\xff\xff");
  EXPECT_EQ(ListNames("job", {.prefix = "zzz"}), "");
  EXPECT_EQ(ListNames("nothing", {}), "");
}

TEST_P(MetaStoreConformance, ListsNewestFirst) {
  for (const char* name : {"b", "c", "a"}) {
    ASSERT_THAT(store_->Commit({Put("job", name, "")}), IsOk());
  }
  ASSERT_THAT(store_->Commit({Put("job", "b", "updated")}), IsOk());
  EXPECT_EQ(ListNames("job", {.newest_first = true}), "a,c,b");
}

TEST_P(MetaStoreConformance, PagesMeetWithoutGapOrRepeat) {
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    ASSERT_THAT(store_->Commit({Put("job", name, "")}), IsOk());
  }
  EXPECT_EQ(ListNames("job", {.limit = 2}), "a,b|c,d|e");
  EXPECT_EQ(ListNames("job", {.limit = 2, .newest_first = true}), "e,d|c,b|a");
  EXPECT_EQ(ListNames("job", {.limit = 5}), "a,b,c,d,e");
  EXPECT_EQ(ListNames("job", {.limit = 1}), "a|b|c|d|e");
}

TEST_P(MetaStoreConformance, PagingSurvivesChangesInBetween) {
  for (const char* name : {"a", "b", "c", "d"}) {
    ASSERT_THAT(store_->Commit({Put("job", name, "")}), IsOk());
  }
  for (const bool newest : {false, true}) {
    ASSERT_OK_AND_ASSIGN(ListPage page, store_->List("job", {.limit = 2, .newest_first = newest}));
    const std::string last = page.records[1].name;
    ASSERT_THAT(store_->Commit({Delete("job", last)}), IsOk());
    ASSERT_OK_AND_ASSIGN(
        ListPage next,
        store_->List("job", {.limit = 2, .newest_first = newest, .after = page.next}));
    ASSERT_FALSE(next.records.empty());
    EXPECT_EQ(next.records[0].name, "c");
    ASSERT_THAT(store_->Commit({Put("job", last, "")}), IsOk());
  }
}

TEST_P(MetaStoreConformance, RefusesForeignPageTokens) {
  for (const char* name : {"a", "b", "c"}) {
    ASSERT_THAT(store_->Commit({Put("job", name, "")}), IsOk());
  }
  ASSERT_OK_AND_ASSIGN(ListPage page, store_->List("job", {.limit = 1}));
  for (const std::string& token :
       {std::string("!"), std::string("AAAA"), std::string("Yzl4"), page.next}) {
    const bool newest = token != "!";
    EXPECT_THAT(store_->List("job", {.newest_first = newest, .after = token}),
                StatusIs(Code::kInvalidArgument, HasSubstr("page token")))
        << token;
  }
}

TEST_P(MetaStoreConformance, WatchTellsNamesAfterTheCommitIsVisible) {
  std::vector<std::string> seen;
  auto watch = store_->WatchKind("job", [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      seen.push_back(name + (store_->Get("job", name).ok() ? "+" : "-"));
    }
  });
  ASSERT_THAT(store_->Commit({Put("job", "a", ""), Put("model", "m", "")}), IsOk());
  ASSERT_THAT(store_->Commit({Put("model", "n", "")}), IsOk());
  ASSERT_THAT(store_->Commit({Delete("job", "a")}), IsOk());
  EXPECT_THAT(store_->Commit({Put("job", "b", ""), Put("job", "b", "", 0)}),
              StatusIs(Code::kAlreadyExists));
  watch.reset();
  ASSERT_THAT(store_->Commit({Put("job", "c", "")}), IsOk());
  EXPECT_THAT(seen, ElementsAre("a+", "a-"));
}

TEST_P(MetaStoreConformance, WatchMayOutliveTheStore) {
  auto watch = store_->WatchKind("job", [](const std::vector<std::string>&) {});
  store_.reset();
  watch.reset();
}

TEST_P(MetaStoreConformance, ExactlyOneOfManyCreatorsWins) {
  constexpr int kThreads = 8;
  std::atomic<int> winners{0}, losers{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      const Status status = store_->Commit({Put("job", "x", std::to_string(i), 0)}).status();
      if (status.ok()) ++winners;
      if (status.code() == Code::kAlreadyExists) ++losers;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(winners, 1);
  EXPECT_EQ(losers, kThreads - 1);
}

TEST_P(MetaStoreConformance, ReadModifyWriteLosesNothing) {
  constexpr int kThreads = 4, kRounds = 25;
  ASSERT_THAT(store_->Commit({Put("counter", "c", "0")}), IsOk());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int done = 0; done < kRounds;) {
        Result<Record> record = store_->Get("counter", "c");
        if (!record.ok()) return;
        const std::string next = std::to_string(std::stoi(record->value) + 1);
        if (store_->Commit({Put("counter", "c", next, record->revision)}).ok()) ++done;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->Get("counter", "c")->value, std::to_string(kThreads * kRounds));
}

}  // namespace hodei::store::testing
