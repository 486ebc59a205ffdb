#include "store/object/testing/object_store_conformance.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/testing/status_matchers.h"
#include "sys/file.h"

namespace hodei::store {

using ::hodei::testing::IsOk;

void LinkBucketsConformance();
void LinkHoldsConformance();
void LinkListingConformance();
void LinkMultipartsConformance();
void LinkObjectsConformance();
void LinkRetentionConformance();
void LinkSharingConformance();
void LinkUploadsConformance();

void ObjectStoreConformance::SetUp() {
  // The linker takes a file out of the library only when something in it is used.
  LinkBucketsConformance();
  LinkHoldsConformance();
  LinkListingConformance();
  LinkMultipartsConformance();
  LinkObjectsConformance();
  LinkRetentionConformance();
  LinkSharingConformance();
  LinkUploadsConformance();
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
  return PutWhole(store_.get(), name, bytes, preconditions, expected, bucket);
}

std::string ObjectStoreConformance::Get(std::string_view name, std::optional<int64_t> generation,
                                        std::string_view bucket) {
  Result<OpenedObject> opened = store_->OpenObject(bucket, name, generation);
  return opened.ok() ? ReadAll(*opened) : std::string(CodeName(opened.status().code()));
}

void ObjectStoreConformance::EditBucket(const std::function<void(Bucket*)>& edit) {
  ASSERT_THAT(store_->UpdateBucket("bucket", {},
                                   [&edit](Bucket* bucket) {
                                     edit(bucket);
                                     return OkStatus();
                                   }),
              IsOk());
}

FsckReport ObjectStoreConformance::Clean() {
  Result<FsckReport> report = store_->Fsck();
  EXPECT_THAT(report, IsOk());
  if (!report.ok()) return {};
  EXPECT_THAT(report->problems, ::testing::IsEmpty());
  return *std::move(report);
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

}  // namespace hodei::store
