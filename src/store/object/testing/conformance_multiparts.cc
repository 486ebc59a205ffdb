// Multipart uploads in parts of any order.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/digest.h"
#include "base/testing/status_matchers.h"
#include "store/object/testing/object_store_conformance.h"
#include "sys/file.h"

namespace hodei::store {

using ::hodei::testing::IsOk;
using ::hodei::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

std::string Md5(std::string_view bytes) {
  DigestStream md5(DigestStream::Kind::kMd5);
  md5.Update(bytes);
  return md5.Final();
}

Result<MultipartPart> PutPart(ObjectStore* store, const MultipartKey& key, int number,
                              std::string_view bytes, const ExpectedContent& expected = {}) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ObjectWriter> writer, store->NewWriter());
  RETURN_IF_ERROR(writer->Append(bytes));
  return writer->CommitPart(key, number, expected);
}

}  // namespace

TEST_P(ObjectStoreConformance, PartsInAnyOrderBecomeOneObject) {
  const std::string first(kMultipartPartBytesMin, '1');
  const std::string second(kMultipartPartBytesMin + 1, '2');
  UploadStart start = StartFor("m");
  start.object.set_content_type("text/x");
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartMultipart(start));
  const MultipartKey key{"bucket", "m", id};
  ASSERT_THAT(PutPart(store_.get(), key, 7, "the end"), IsOk());
  ASSERT_OK_AND_ASSIGN(const MultipartPart part, PutPart(store_.get(), key, 2, second));
  EXPECT_EQ(part.md5, Md5(second));
  ASSERT_THAT(PutPart(store_.get(), key, 1, "replaced"), IsOk());
  ASSERT_THAT(PutPart(store_.get(), key, 1, first), IsOk());
  ASSERT_THAT(PutPart(store_.get(), key, 9, "never named"), IsOk());
  EXPECT_EQ(Get("m"), "NOT_FOUND");
  ASSERT_OK_AND_ASSIGN(const ListPartsPage page, store_->ListParts(key, 1, 2));
  ASSERT_EQ(page.parts.size(), 2u);
  EXPECT_EQ(page.parts[0].number, 2);
  EXPECT_EQ(page.parts[1].number, 7);
  EXPECT_TRUE(page.more);
  EXPECT_EQ(page.upload.principal, "ann@x");
  EXPECT_EQ(Clean().parts, 4u);
  const std::vector<CompletedPart> parts = {{1, Md5(first)}, {2, ""}, {7, ""}};
  ASSERT_OK_AND_ASSIGN(const Object object, store_->CompleteMultipart(key, parts, {}));
  EXPECT_TRUE(Get("m") == first + second + "the end");
  EXPECT_EQ(object.content_type(), "text/x");
  EXPECT_EQ(object.crc32c(), Crc32c(0, first + second + "the end"));
  // The answer may have been lost.
  ASSERT_OK_AND_ASSIGN(const Object again, store_->CompleteMultipart(key, parts, {}));
  EXPECT_EQ(again.generation(), object.generation());
  const FsckReport report = Clean();
  EXPECT_EQ(report.parts, 0u);
  EXPECT_EQ(report.contents, 1u);
  EXPECT_EQ(store_->AbortMultipart(key).reason(), "noSuchUpload");
}

TEST_P(ObjectStoreConformance, BadPartsAreRefused) {
  ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartMultipart(StartFor("m")));
  const MultipartKey key{"bucket", "m", id};
  for (const int number : {-1, 0, kMultipartPartLimit + 1}) {
    EXPECT_THAT(PutPart(store_.get(), key, number, "x"), StatusIs(Code::kInvalidArgument));
  }
  ExpectedContent wrong;
  wrong.md5 = std::string(16, 'x');
  EXPECT_THAT(PutPart(store_.get(), key, 1, "x", wrong), StatusIs(Code::kInvalidArgument));
  ASSERT_THAT(PutPart(store_.get(), key, kMultipartPartLimit, "x"), IsOk());
  ASSERT_THAT(PutPart(store_.get(), key, 1, "too small"), IsOk());
  const auto complete = [&](const std::vector<CompletedPart>& parts) {
    return store_->CompleteMultipart(key, parts, {}).status().reason();
  };
  EXPECT_EQ(complete({{2, ""}}), "invalidPart");
  EXPECT_EQ(complete({{1, std::string(16, 'x')}}), "invalidPart");
  EXPECT_EQ(complete({{kMultipartPartLimit, ""}, {1, ""}}), "invalidPartOrder");
  EXPECT_EQ(complete({{1, ""}, {1, ""}}), "invalidPartOrder");
  EXPECT_EQ(complete({{1, ""}, {kMultipartPartLimit, ""}}), "entityTooSmall");
  EXPECT_EQ(complete({}), "invalid");
  // Another object's upload, and one nobody started.
  EXPECT_EQ(PutPart(store_.get(), {"bucket", "n", id}, 1, "x").status().reason(), "noSuchUpload");
  EXPECT_EQ(PutPart(store_.get(), {"bucket", "m", "guess"}, 1, "x").status().reason(),
            "noSuchUpload");
  Preconditions must_exist;
  must_exist.if_generation_match = 5;
  EXPECT_EQ(store_->CompleteMultipart(key, {{1, ""}}, must_exist).status().reason(),
            "conditionNotMet");
  EXPECT_EQ(Get("m"), "NOT_FOUND");
  ASSERT_THAT(store_->AbortMultipart(key), IsOk());
  EXPECT_EQ(store_->ListParts(key, 0, 10).status().reason(), "noSuchUpload");
  EXPECT_EQ(Clean().contents, 0u);
}

TEST_P(ObjectStoreConformance, MultipartsAreListedAndExpire) {
  std::vector<std::string> ids;
  for (const char* name : {"a", "b", "b", "c/d"}) {
    ASSERT_OK_AND_ASSIGN(const std::string id, store_->StartMultipart(StartFor(name)));
    ids.push_back(id);
    ASSERT_THAT(PutPart(store_.get(), {"bucket", name, id}, 1, "of " + id), IsOk());
  }
  ListMultipartsOptions options;
  options.limit = 1;
  std::vector<std::string> names;
  while (true) {
    ASSERT_OK_AND_ASSIGN(const ListMultipartsPage page, store_->ListMultiparts("bucket", options));
    if (page.uploads.empty()) break;
    names.push_back(page.uploads[0].object.name());
    options.after_name = page.uploads[0].object.name();
    options.after_id = page.uploads[0].id;
    EXPECT_EQ(page.more, names.size() < 4);
  }
  EXPECT_THAT(names, ElementsAre("a", "b", "b", "c/d"));
  options = {};
  options.prefix = "c/";
  ASSERT_OK_AND_ASSIGN(ListMultipartsPage page, store_->ListMultiparts("bucket", options));
  EXPECT_EQ(page.uploads.size(), 1u);
  options = {};
  options.after_name = "b";
  ASSERT_OK_AND_ASSIGN(page, store_->ListMultiparts("bucket", options));
  EXPECT_EQ(page.uploads.size(), 1u);
  clock_.Advance(kUploadLifetime);
  EXPECT_EQ(PutPart(store_.get(), {"bucket", "a", ids[0]}, 2, "x").status().reason(),
            "noSuchUpload");
  ASSERT_THAT(store_->Sweep(), IsOk());
  EXPECT_EQ(Clean().contents, 0u);
}

void LinkMultipartsConformance() {}

}  // namespace hodei::store
