// Resumable uploads.
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

Preconditions MustNotExist() {
  Preconditions p;
  p.if_generation_match = 0;
  return p;
}

}  // namespace

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

void LinkUploadsConformance() {}

}  // namespace hodei::store
