// The Cloud Storage JSON API as the storage commands use it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/storage/gs_url.h"

namespace hodei::cli {

struct ObjectEntry {
  std::string bucket;
  std::string name;
  uint64_t size = 0;
  std::string generation;
  std::string updated;
  std::string crc32c;  // base64, "" when unknown
  GsUrl url() const { return {bucket, name}; }
};

struct Listing {
  std::vector<ObjectEntry> objects;
  std::vector<std::string> prefixes;  // "d/", only with a delimiter
};

ObjectEntry ParseObject(const Json& json);
// "/storage/v1/b/B/o/O" with both names escaped.
std::string ObjectPath(const GsUrl& url);
std::string BucketPath(const std::string& bucket);
// base64 of the big-endian CRC-32C, as object resources write it.
std::string Crc32cText(uint32_t crc);

// Everything below `prefix`; with `folders`, names that contain "/" after it become prefixes.
Result<Listing> ListObjects(Api& api, const std::string& bucket, const std::string& prefix,
                            bool folders, bool all_versions = false);
Result<ObjectEntry> StatObject(Api& api, const GsUrl& url);
// NOT_FOUND when absent.
Status DeleteObject(Api& api, const GsUrl& url, const std::string& generation = "");
// Server-side copy; follows rewrite tokens.
Result<ObjectEntry> CopyObject(Api& api, const GsUrl& from, const GsUrl& to);

// The objects that `url` names: itself, or those that its wildcard matches. Empty when none.
Result<std::vector<ObjectEntry>> ExpandUrl(Api& api, const GsUrl& url);

}  // namespace hodei::cli
