#include "store/object/testing/object_store_conformance.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::store {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string ReadAll(OpenedObject* opened) {
  if (auto* held = std::get_if<std::string>(&opened->content)) return *held;
  const FileSlice& slice = std::get<FileSlice>(opened->content);
  std::string bytes(slice.length, '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = pread(slice.fd.get(), bytes.data() + done, bytes.size() - done,
                            static_cast<off_t>(slice.offset + done));
    if (n <= 0) return "short read";
    done += static_cast<size_t>(n);
  }
  return bytes;
}

void ObjectStoreConformance::SetUp() {
  store_ = GetParam().make(&clock_);
  Bucket bucket;
  bucket.set_name("bucket");
  bucket.set_project_id("p");
  ASSERT_THAT(store_->CreateBucket(bucket), IsOk());
}

Result<Object> ObjectStoreConformance::Put(std::string_view name, std::string_view bytes,
                                           const Preconditions& preconditions,
                                           const ExpectedContent& expected,
                                           std::string_view bucket) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer, store_->NewWriter());
  RETURN_IF_ERROR(writer->Append(bytes));
  Object object;
  object.set_bucket(std::string(bucket));
  object.set_name(std::string(name));
  return writer->Commit(object, preconditions, expected);
}

std::string ObjectStoreConformance::Get(std::string_view name, std::optional<int64_t> generation,
                                        std::string_view bucket) {
  Result<OpenedObject> opened = store_->OpenObject(bucket, name, generation);
  return opened.ok() ? ReadAll(&*opened) : std::string(CodeName(opened.status().code()));
}

void ObjectStoreConformance::SetVersioning(bool enabled) {
  ASSERT_THAT(store_->UpdateBucket("bucket", {},
                                   [enabled](Bucket* bucket) {
                                     bucket->mutable_versioning()->set_enabled(enabled);
                                     return OkStatus();
                                   }),
              IsOk());
}

UploadStart ObjectStoreConformance::StartFor(const std::string& name) const {
  UploadStart start;
  start.principal = "ann@x";
  start.object.set_bucket("bucket");
  start.object.set_name(name);
  return start;
}

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
  EXPECT_TRUE(ReadAll(&reader) == large);
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

TEST_P(ObjectStoreConformance, ExactlyOneOfManyCreatorsWins) {
  std::atomic<int> winners = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&, i] {
      const Result<Object> put = Put("race", std::to_string(i), MustNotExist());
      EXPECT_TRUE(put.ok() || put.status().reason() == "conditionNotMet");
      if (put.ok()) ++winners;
    });
  }
  threads.clear();
  EXPECT_EQ(winners, 1);
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
  for (const char* name : {"a", "a/1", "a/2", "b/x", "b/y", "c", "d/e", "f"}) {
    ASSERT_THAT(Put(name, "1"), IsOk());
    ASSERT_THAT(Put(name, "2"), IsOk());
  }
  for (const bool versions : {false, true}) {
    for (const char* delimiter : {"", "/"}) {
      ListObjectsOptions options;
      options.versions = versions;
      options.delimiter = delimiter;
      ASSERT_OK_AND_ASSIGN(const ListObjectsPage whole, store_->ListObjects("bucket", options));
      options.limit = 1;
      ListObjectsPage joined;
      do {
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

TEST_P(ObjectStoreConformance, ResumableUploadContinuesWhereItStands) {
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(StartFor("r")));
  EXPECT_GE(id.size(), 26u);
  const std::string bytes(300'000, 'r');
  ASSERT_OK_AND_ASSIGN(UploadStatus status, store_->GetUpload(id, "ann@x"));
  EXPECT_EQ(status.stored_bytes, 0u);
  ASSERT_THAT(store_->AppendUpload(id, "ann@x", 0, std::string_view(bytes).substr(0, 100'000)),
              IsOk());
  // Overlap is skipped, a hole refused.
  ASSERT_THAT(store_->AppendUpload(id, "ann@x", 50'000, std::string_view(bytes).substr(0, 100'000)),
              IsOk());
  EXPECT_THAT(store_->AppendUpload(id, "ann@x", 150'001, "x"), StatusIs(Code::kOutOfRange));
  ASSERT_OK_AND_ASSIGN(status, store_->GetUpload(id, "ann@x"));
  EXPECT_EQ(status.stored_bytes, 150'000u);
  EXPECT_THAT(store_->FinishUpload(id, "ann@x", 300'000, {}), StatusIs(Code::kOutOfRange));
  ASSERT_THAT(store_->AppendUpload(id, "ann@x", 150'000, std::string_view(bytes).substr(150'000)),
              IsOk());
  EXPECT_EQ(Get("r"), "NOT_FOUND");
  ASSERT_OK_AND_ASSIGN(const Object object, store_->FinishUpload(id, "ann@x", 300'000, {}));
  EXPECT_TRUE(Get("r") == bytes);
  DigestStream md5(DigestStream::Kind::kMd5);
  md5.Update(bytes);
  EXPECT_EQ(object.md5_hash(), md5.Final());
  ASSERT_OK_AND_ASSIGN(const Object again, store_->FinishUpload(id, "ann@x", 300'000, {}));
  EXPECT_EQ(again.generation(), object.generation());
  ASSERT_OK_AND_ASSIGN(status, store_->GetUpload(id, "ann@x"));
  ASSERT_TRUE(status.object.has_value());
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, IsEmpty());
}

TEST_P(ObjectStoreConformance, AnUploadBelongsToWhoStartedIt) {
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(StartFor("r")));
  EXPECT_THAT(store_->GetUpload(id, "eve@x"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->AppendUpload(id, "eve@x", 0, "x"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->FinishUpload(id, "eve@x", 0, {}), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->CancelUpload(id, "eve@x"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->GetUpload("guess", "ann@x"), StatusIs(Code::kNotFound));
  EXPECT_THAT(store_->CancelUpload(id, "ann@x"), IsOk());
  EXPECT_THAT(store_->GetUpload(id, "ann@x"), StatusIs(Code::kNotFound));
}

TEST_P(ObjectStoreConformance, UploadsExpireAndBadHashesEndThem) {
  ASSERT_OK_AND_ASSIGN(const std::string old, store_->StartUpload(StartFor("old")));
  ASSERT_THAT(store_->AppendUpload(old, "ann@x", 0, "abc"), IsOk());
  clock_.Advance(kUploadLifetime);
  EXPECT_THAT(store_->GetUpload(old, "ann@x"), StatusIs(Code::kNotFound));
  ASSERT_THAT(store_->Sweep(), IsOk());
  UploadStart start = StartFor("bad");
  start.expected.crc32c = 1;
  ASSERT_OK_AND_ASSIGN(const std::string bad, store_->StartUpload(start));
  ASSERT_THAT(store_->AppendUpload(bad, "ann@x", 0, "abc"), IsOk());
  EXPECT_THAT(store_->FinishUpload(bad, "ann@x", 3, {}), StatusIs(Code::kInvalidArgument));
  EXPECT_THAT(store_->GetUpload(bad, "ann@x"), StatusIs(Code::kNotFound));
  EXPECT_EQ(Get("bad"), "NOT_FOUND");
  ASSERT_OK_AND_ASSIGN(const FsckReport report, store_->Fsck());
  EXPECT_THAT(report.problems, IsEmpty());
}

TEST_P(ObjectStoreConformance, UploadPreconditionsHoldAtTheEnd) {
  UploadStart start = StartFor("r");
  start.preconditions = MustNotExist();
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartUpload(start));
  ASSERT_THAT(store_->AppendUpload(id, "ann@x", 0, "mine"), IsOk());
  ASSERT_THAT(Put("r", "theirs"), IsOk());
  EXPECT_EQ(store_->FinishUpload(id, "ann@x", 4, {}).status().reason(), "conditionNotMet");
  EXPECT_EQ(Get("r"), "theirs");
  EXPECT_EQ(store_->StartUpload(start).status().reason(), "conditionNotMet");
  // The upload is still there and can be cancelled.
  EXPECT_THAT(store_->CancelUpload(id, "ann@x"), IsOk());
}

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

}  // namespace hodei::store
