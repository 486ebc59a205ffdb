// How buckets and objects are shown: gcloud's renamed members for describe and list, and the long
// form of `ls -L` in gcloud's and in gsutil's shape.
#pragma once

#include <string>

#include "cli/output/json.h"

namespace hodei::cli {

// The resource under the names `gcloud storage … describe` gives its members; absent ones are left
// out.
Json ShownObject(const Json& object);
Json ShownBucket(const Json& bucket);

// "gs://b/o:" and a line a member. `url` is what the first line names.
std::string LongObject(const Json& object, const std::string& url, bool gsutil, bool with_acl);
std::string LongBucket(const Json& bucket, bool gsutil);

// "2026-11-27T20:31:27Z" of any RFC 3339 time, "" for an empty one.
std::string SecondsOnly(const std::string& time);

}  // namespace hodei::cli
