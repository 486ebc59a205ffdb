// Holds, retention and soft deletion: how long must a generation's bytes stay?
#pragma once

#include "base/clock.h"
#include "base/status.h"
#include "google/storage/v1/storage.pb.h"

namespace hodei::store {

// PERMISSION_DENIED while a hold keeps the object where it is, live or noncurrent.
Status CheckHolds(const google::storage::v1::Object& object);
// The same, also while retention keeps its bytes: the bucket's policy or the object's own.
Status CheckMayRemove(const google::storage::v1::Bucket& bucket,
                      const google::storage::v1::Object& object, WallTime now);
// Sets retention_expiration_time to what the bucket's policy and the object say now.
void ApplyRetention(const google::storage::v1::Bucket& bucket, google::storage::v1::Object* object);
// May the caller's fields go from `before` to `after`? A locked retention only grows, and a custom
// time only moves on.
Status CheckObjectEdit(const google::storage::v1::Object& before,
                       const google::storage::v1::Object& after);
// A locked bucket policy stays locked and only grows.
Status CheckBucketEdit(const google::storage::v1::Bucket& before,
                       const google::storage::v1::Bucket& after);
// How long a deleted generation can be restored, by the bucket's softDeletePolicy; 0: not at all.
int64_t SoftDeleteSeconds(const google::storage::v1::Bucket& bucket);

}  // namespace hodei::store
