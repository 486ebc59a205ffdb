// What a caller may say about an object, apart from what the store says.
#pragma once

#include "base/status.h"
#include "google/storage/v1/storage.pb.h"

namespace hodei::store {

// Refuses metadata over Cloud Storage's limits.
Status CheckMetadata(const google::storage::v1::Object& object);
// The fields a caller decides, with bucket and name; all others are the store's.
google::storage::v1::Object TakeMetadata(const google::storage::v1::Object& from);
// And back onto `object`, so that an edit cannot touch anything else.
void PutMetadata(const google::storage::v1::Object& metadata, google::storage::v1::Object* object);

}  // namespace hodei::store
