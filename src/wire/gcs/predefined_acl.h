// The named access lists ("publicRead") that requests may ask for instead of spelling entries out.
// Only what they say about the public has an effect here; see domain/access/bucket_access.h.
#pragma once

#include <string_view>

#include "base/status.h"
#include "wire/gcs/bucket_resource.h"

namespace hodei::wire::gcs {

// Gives a new object its list: the named one (JSON's or XML's spelling), or else, when `name` is
// empty, the bucket's default object list. INVALID_ARGUMENT for an unknown name, or a public one
// under uniform access; FAILED_PRECONDITION where public access is prevented.
Status ApplyObjectAcl(const Bucket& bucket, std::string_view name, Object* object);
// The bucket's own list, and the default of its objects. Empty names change nothing.
Status ApplyBucketAcl(std::string_view name, std::string_view default_object_name, Bucket* bucket);

// FAILED_PRECONDITION when `entity` is the public and the bucket keeps the public out.
Status CheckPublicEntity(const Bucket& bucket, std::string_view entity);

}  // namespace hodei::wire::gcs
