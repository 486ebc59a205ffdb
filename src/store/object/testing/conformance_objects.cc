// Objects: put, get, overwrite, delete, compose, copy.
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

Preconditions MustNotExist() {
  Preconditions p;
  p.if_generation_match = 0;
  return p;
}

}  // namespace

TEST_P(ObjectStoreConformance, PutThenGetGivesTheSameBytesAndHashes) {
  for (const size_t size :
       {size_t{0}, size_t{1}, size_t{65'536}, size_t{65'537}, size_t{9 << 20}}) {
    std::string bytes(size, 'x');
    for (size_t i = 0; i < size; i += 97) bytes[i] = static_cast<char>(i);
    const std::string name = fmt::format("size-{}", size);
    ASSERT_OK_AND_ASSIGN(const Object put, Put(name, bytes));
    EXPECT_EQ(put.size(), size);
    EXPECT_EQ(put.crc32c(), Crc32c(0, bytes));
    DigestStream md5(DigestStream::Kind::kMd5);
    md5.Update(bytes);
    EXPECT_EQ(put.md5_hash(), md5.Final());
    EXPECT_EQ(put.metageneration(), 1);
    EXPECT_EQ(put.content_type(), "application/octet-stream");
    EXPECT_EQ(put.storage_class(), "STANDARD");
    EXPECT_TRUE(Get(name) == bytes) << size;
    ASSERT_OK_AND_ASSIGN(const Object got, store_->GetObject("bucket", name));
    EXPECT_EQ(got.SerializeAsString().size(), put.SerializeAsString().size());
    EXPECT_EQ(got.generation(), put.generation());
  }
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.objects, 5u);
}

TEST_P(ObjectStoreConformance, AbsentThingsAreNotFound) {
  EXPECT_THAT(store_->GetBucket("other"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->GetObject("other", "a"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->GetObject("bucket", "a"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->DeleteObject("bucket", "a", std::nullopt, {}), StatusIs(Code::kNotFound));
  EXPECT_THAT(Put("a", "x", {}, {}, "other"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->ListObjects("other", {}), StatusIs(Code::kNotFound));
}

TEST_P(ObjectStoreConformance, OverwritesGrowGenerationsAndOldReadersKeepTheirBytes) {
  const std::string large(9 << 20, 'a');
  ASSERT_OK_AND_ASSIGN(const Object first, Put("o", large));
  ASSERT_OK_AND_ASSIGN(OpenedObject reader, store_->OpenObject("bucket", "o"));
  clock_.JumpWall(std::chrono::hours(-1));
  ASSERT_OK_AND_ASSIGN(const Object second, Put("o", "new"));
  EXPECT_GT(second.generation(), first.generation());
  EXPECT_EQ(Get("o"), "new");
  EXPECT_TRUE(ReadAll(reader) == large);
  EXPECT_EQ(Get("o", first.generation()), "NOT_FOUND");
  ASSERT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}), IsOk());
  ASSERT_OK_AND_ASSIGN(const Object third, Put("o", "again"));
  EXPECT_GT(third.generation(), second.generation());
}

TEST_P(ObjectStoreConformance, WrongHashesLeaveNothing) {
  ExpectedContent wrong_md5{std::string(16, 'x'), std::nullopt, std::nullopt};
  EXPECT_THAT(Put("o", "bytes", {}, wrong_md5), StatusIs(Code::kInvalidArgument));
  ExpectedContent wrong_crc{"", 7u, std::nullopt};
  EXPECT_THAT(Put("o", "bytes", {}, wrong_crc), StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(Get("o"), "NOT_FOUND");
  ASSERT_OK_AND_ASSIGN(const Object kept, Put("o", "old"));
  EXPECT_THAT(Put("o", std::string(100'000, 'x'), {}, wrong_md5), StatusIs(Code::kInvalidArgument));
  EXPECT_EQ(Get("o"), "old");
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, IsEmpty());
}

TEST_P(ObjectStoreConformance, PreconditionsDecideWrites) {
  ASSERT_OK_AND_ASSIGN(const Object first, Put("o", "1", MustNotExist()));
  EXPECT_EQ(Put("o", "2", MustNotExist()).status().reason(), "conditionNotMet");
  Preconditions match;
  match.if_generation_match = first.generation();
  ASSERT_OK_AND_ASSIGN(const Object second, Put("o", "2", match));
  EXPECT_THAT(Put("o", "3", match), StatusIs(Code::kFailedPrecondition));
  EXPECT_THAT(Put("absent", "3", match), StatusIs(Code::kFailedPrecondition));
  Preconditions meta;
  meta.if_metageneration_match = 2;
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, meta),
              StatusIs(Code::kFailedPrecondition));
  Preconditions not_match;
  not_match.if_generation_not_match = second.generation();
  EXPECT_EQ(store_->GetObject("bucket", "o", std::nullopt, not_match).status().reason(),
            "notModified");
  EXPECT_EQ(Put("o", "3", not_match).status().reason(), "conditionNotMet");
  EXPECT_EQ(Get("o"), "2");
}

// T28: a hundred at once that all saw the same generation, first none.
TEST_P(ObjectStoreConformance, ExactlyOneOfManyWritersOfOneGenerationWins) {
  constexpr int kWriters = 100;
  Preconditions seen = MustNotExist();
  for (int round = 0; round < 3; ++round) {
    std::mutex mutex;
    std::vector<std::pair<std::string, Object>> winners;
    std::vector<std::jthread> threads;
    for (int i = 0; i < kWriters; ++i) {
      threads.emplace_back([&, bytes = fmt::format("{}-{}", round, i)] {
        const Result<Object> put = Put("race", bytes, seen);
        EXPECT_TRUE(put.ok() || put.status().reason() == "conditionNotMet") << put.status();
        if (!put.ok()) return;
        std::lock_guard lock(mutex);
        winners.emplace_back(bytes, *put);
      });
    }
    threads.clear();
    ASSERT_EQ(winners.size(), 1u);
    EXPECT_EQ(Get("race"), winners.front().first);
    seen = {};
    seen.if_generation_match = winners.front().second.generation();
  }
  Clean();
}

TEST_P(ObjectStoreConformance, VersioningKeepsWhatIsOverwrittenOrDeleted) {
  SetVersioning(true);
  ASSERT_OK_AND_ASSIGN(const Object first, Put("o", "1"));
  ASSERT_OK_AND_ASSIGN(const Object second, Put("o", "2"));
  ASSERT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}), IsOk());
  EXPECT_EQ(Get("o"), "NOT_FOUND");
  EXPECT_EQ(Get("o", first.generation()), "1");
  EXPECT_EQ(Get("o", second.generation()), "2");
  ListObjectsOptions all;
  all.versions = true;
  ASSERT_OK_AND_ASSIGN(const ListObjectsPage page, store_->ListObjects("bucket", all));
  ASSERT_EQ(page.items.size(), 2u);
  EXPECT_EQ(page.items[0].generation(), first.generation());
  EXPECT_TRUE(page.items[1].has_time_deleted());
  EXPECT_THAT(store_->DeleteBucket("bucket", {}), StatusIs(Code::kAborted));
  ASSERT_THAT(store_->DeleteObject("bucket", "o", first.generation(), {}), IsOk());
  ASSERT_THAT(store_->DeleteObject("bucket", "o", second.generation(), {}), IsOk());
  EXPECT_THAT(store_->DeleteBucket("bucket", {}), IsOk());
}

TEST_P(ObjectStoreConformance, NamesAreBytesAndNeverPaths) {
  const std::vector<std::string> names = {"a",
                                          "a/",
                                          "a/b",
                                          "/a",
                                          "//",
                                          "../up",
                                          "../../etc/passwd",
                                          "a/../b",
                                          "%2e%2e/x",
                                          "a\\b",
                                          "\x01\x02",
                                          "ünïcödé",
                                          "e\u0301",
                                          "é",
                                          "A",
                                          std::string(1024, 'n'),
                                          "a b+c?d#e&f",
                                          "acl",
                                          "o/acl",
                                          "-rf",
                                          "segments",
                                          "objects.db",
                                          "\U0001F600"};
  for (const std::string& name : names) ASSERT_THAT(Put(name, "of " + name), IsOk()) << name;
  for (const std::string& name : names) EXPECT_EQ(Get(name), "of " + name);
  ASSERT_OK_AND_ASSIGN(const ListObjectsPage page, store_->ListObjects("bucket", {}));
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(Names(page), sorted);
}

TEST_P(ObjectStoreConformance, BadNamesAreRefused) {
  const std::vector<std::string> names = {"",
                                          ".",
                                          "..",
                                          "a\nb",
                                          "a\rb",
                                          std::string("a\0b", 3),
                                          "\xff",
                                          "\xc0\x80",
                                          std::string(1025, 'n'),
                                          ".well-known/acme-challenge/x"};
  for (const std::string& name : names) {
    EXPECT_THAT(Put(name, "x"), StatusIs(Code::kInvalidArgument)) << name;
    EXPECT_THAT(store_->StartUpload(StartFor(name)), StatusIs(Code::kInvalidArgument));
  }
  for (const char* bucket : {"", "ab", "A-bucket", "a_", "-ab", "192.168.1.1", "goog-x",
                             "my-google", "a..b", "a/b", "with space"}) {
    Bucket wish;
    wish.set_name(bucket);
    EXPECT_THAT(store_->CreateBucket(wish), StatusIs(Code::kInvalidArgument)) << bucket;
  }
}

TEST_P(ObjectStoreConformance, MetadataEditsRaiseTheMetageneration) {
  ASSERT_OK_AND_ASSIGN(const Object put, Put("o", "x"));
  clock_.Advance(std::chrono::seconds(5));
  ASSERT_OK_AND_ASSIGN(const Object edited,
                       store_->UpdateObject("bucket", "o", std::nullopt, {}, [](Object* object) {
                         (*object->mutable_metadata())["k"] = "v";
                         object->set_content_type("text/plain");
                         object->set_size(99);
                         object->set_generation(1);
                         return OkStatus();
                       }));
  EXPECT_EQ(edited.metageneration(), 2);
  EXPECT_EQ(edited.generation(), put.generation());
  EXPECT_EQ(edited.size(), 1u);
  EXPECT_EQ(edited.metadata().at("k"), "v");
  EXPECT_GT(edited.updated().seconds(), put.updated().seconds());
  EXPECT_THAT(store_->UpdateObject("bucket", "o", std::nullopt, {},
                                   [](Object* object) {
                                     (*object->mutable_metadata())["k"] = std::string(9000, 'v');
                                     return OkStatus();
                                   }),
              StatusIs(Code::kInvalidArgument));
}

TEST_P(ObjectStoreConformance, CopiesShareBytesAndMovesAreAtomic) {
  const std::string large(9 << 20, 'q');
  ASSERT_OK_AND_ASSIGN(const Object source, Put("s", large));
  ASSERT_OK_AND_ASSIGN(const Object copy, store_->CopyObject({"bucket", "s", std::nullopt, {}},
                                                             "bucket", "d", std::nullopt, {}));
  EXPECT_EQ(copy.md5_hash(), source.md5_hash());
  EXPECT_GT(copy.generation(), source.generation());
  ASSERT_THAT(store_->DeleteObject("bucket", "s", std::nullopt, {}), IsOk());
  EXPECT_TRUE(Get("d") == large);
  ASSERT_THAT(
      store_->CopyObject({"bucket", "d", std::nullopt, {}}, "bucket", "d", std::nullopt, {}),
      IsOk());
  EXPECT_TRUE(Get("d") == large);
  ASSERT_THAT(store_->MoveObject({"bucket", "d", std::nullopt, {}}, "m", {}), IsOk());
  EXPECT_EQ(Get("d"), "NOT_FOUND");
  EXPECT_TRUE(Get("m") == large);
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.contents, 1u);
}

TEST_P(ObjectStoreConformance, ComposeConcatenates) {
  ASSERT_THAT(Put("1", "one,"), IsOk());
  ASSERT_OK_AND_ASSIGN(const Object two, Put("2", std::string(100'000, '2')));
  Object destination;
  destination.set_bucket("bucket");
  destination.set_name("1");
  ASSERT_OK_AND_ASSIGN(
      const Object composed,
      store_->ComposeObject(destination,
                            {{"1", {}, {}}, {"2", {}, two.generation()}, {"1", {}, {}}}, {}));
  const std::string whole = "one," + std::string(100'000, '2') + "one,";
  EXPECT_TRUE(Get("1") == whole);
  EXPECT_EQ(composed.component_count(), 3);
  EXPECT_EQ(composed.md5_hash(), "");
  EXPECT_EQ(composed.crc32c(), Crc32c(0, whole));
  EXPECT_THAT(store_->ComposeObject(destination, {}, {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->ComposeObject(destination, std::vector<ComposeSource>(33, {"1", {}, {}}), {}),
              StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->ComposeObject(destination, {{"absent", {}, {}}}, {}),
              StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->ComposeObject(destination, {{"2", {}, 1}}, {}),
              StatusIs(Code::kFailedPrecondition));
}

TEST_P(ObjectStoreConformance, HoldsAndRetentionKeepBytes) {
  ASSERT_THAT(Put("o", "x"), IsOk());
  const auto hold = [&](bool on) {
    return store_->UpdateObject("bucket", "o", std::nullopt, {}, [on](Object* object) {
      object->set_temporary_hold(on);
      return OkStatus();
    });
  };
  ASSERT_THAT(hold(true), IsOk());
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}),
              StatusIs(Code::kPermissionDenied));
  EXPECT_THAT(Put("o", "y"), StatusIs(Code::kPermissionDenied));
  ASSERT_THAT(hold(false), IsOk());
  ASSERT_THAT(store_->UpdateBucket("bucket", {},
                                   [](Bucket* bucket) {
                                     bucket->mutable_retention_policy()->set_retention_period(60);
                                     return OkStatus();
                                   }),
              IsOk());
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}),
              StatusIs(Code::kPermissionDenied));
  clock_.Advance(std::chrono::seconds(61));
  EXPECT_THAT(store_->DeleteObject("bucket", "o", std::nullopt, {}), IsOk());
}

TEST_P(ObjectStoreConformance, CopyToFileWritesOurPathOnly) {
  const hodei::TemporaryDirectory folder;
  const std::string bytes(200'000, 'f');
  ASSERT_THAT(Put("../f", bytes), IsOk());
  const std::string path = folder.path() + "/out";
  ASSERT_THAT(store_->CopyToFile("bucket", "../f", std::nullopt, path), IsOk());
  ASSERT_OK_AND_ASSIGN(const std::string read, hodei::ReadFile(path));
  EXPECT_TRUE(read == bytes);
  EXPECT_THAT(store_->CopyToFile("bucket", "../f", std::nullopt, path),
              StatusIs(Code::kAlreadyExists));
  EXPECT_THAT(store_->CopyToFile("bucket", "none", std::nullopt, folder.path() + "/no"),
              StatusIs(Code::kNotFound));
  EXPECT_FALSE(hodei::FileExists(folder.path() + "/no"));
}

void LinkObjectsConformance() {}

}  // namespace hodei::store
