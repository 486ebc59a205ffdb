// The bucket resource of the JSON API, to text and from it.
// Source: https://cloud.google.com/storage/docs/json_api/v1/buckets#resource.
#pragma once

#include <string>

#include "wire/gcs/object_resource.h"
#include "wire/gcs/query.h"

namespace hodei::wire::gcs {

using google::storage::v1::Bucket;

void PrintBucket(const Bucket& bucket, const PrintContext& context, const FieldSelection& selection,
                 std::string* out);
// As ReadObject; `name` is not taken.
Status ReadBucket(const Json& json, bool merge, Bucket* bucket);
// "multi-region", "dual-region" or "region".
std::string_view LocationType(std::string_view location);
std::string BucketEtag(const Bucket& bucket);

}  // namespace hodei::wire::gcs
