// The Cloud Storage JSON API as the storage commands use it.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/api.h"
#include "cli/storage/gs_url.h"

namespace hodei::cli {

// What the commands need to know of one object; fields the server did not send are empty.
struct ObjectEntry {
  std::string bucket;
  std::string name;
  uint64_t size = 0;
  std::string generation;
  std::string metageneration;
  std::string created;
  std::string updated;
  std::string etag;
  std::string crc32c;  // base64
  std::string md5;     // base64; composite objects have none
  std::string content_encoding;
  std::optional<int64_t> mtime;  // goog-reserved-file-mtime: of the file it was uploaded from
  GsUrl url() const { return {bucket, name, ""}; }
  // "gs://b/o#GENERATION"
  std::string VersionText() const { return url().Text() + "#" + generation; }
};

struct Listing {
  std::vector<ObjectEntry> objects;
  std::vector<std::string> prefixes;  // "d/", only with `folders`
};

struct ListRequest {
  std::string bucket;
  std::string prefix;
  bool folders = false;  // names with "/" after the prefix become prefixes
  bool versions = false;
  bool soft_deleted = false;
  bool every_field = false;  // resources whole, for -L and describe
};

// What a write sets beside the bytes.
struct ObjectSettings {
  std::map<std::string, std::string> fields;    // as the API names them: "contentType"
  std::map<std::string, std::string> metadata;  // the user's own
  std::string predefined_acl;
  std::string if_generation_match;
  std::string if_metageneration_match;
  bool empty() const { return fields.empty() && metadata.empty(); }
  // The query parameters of the conditions and the ACL.
  Query Parameters() const;
  // The resource to write: fields, then metadata.
  Json Resource() const;
};

ObjectEntry ParseObject(const Json& json);
// "/storage/v1/b/B/o/O" with both names escaped.
std::string ObjectPath(const GsUrl& url);
std::string BucketPath(const std::string& bucket);
// base64 of the big-endian CRC-32C, as object resources write it.
std::string Crc32cText(uint32_t crc);

// Calls `each` with every object resource in the order of the listing; returns the prefixes.
Result<std::vector<std::string>> ForEachObject(Api& api, const ListRequest& request,
                                               const std::function<Status(const Json&)>& each);
Result<Listing> ListObjects(Api& api, const ListRequest& request);
// The object, or its generation where the URL names one.
Result<ObjectEntry> StatObject(Api& api, const GsUrl& url);
// NOT_FOUND when absent.
Status DeleteObject(Api& api, const GsUrl& url, const std::string& generation = "");
// Server-side copy; follows rewrite tokens. `settings` replace what the source says.
Result<ObjectEntry> CopyObject(Api& api, const ObjectEntry& from, const GsUrl& to,
                               const ObjectSettings& settings = {});
// The names of the project's buckets that match the pattern ("" for all), in order.
Result<std::vector<std::string>> ListBucketNames(Api& api, const std::string& project,
                                                 const std::string& pattern = "");

// The objects that `url` names: itself, or those that its wildcard matches. Empty when none.
Result<std::vector<ObjectEntry>> ExpandUrl(Api& api, const GsUrl& url, bool versions = false);

// The same with everything below the folders that `url` names; a bucket names all it holds.
Result<std::vector<ObjectEntry>> ExpandTree(Api& api, const GsUrl& url, bool versions = false);
// The length of the shortest folder of `name`, with its slash, that the pattern matches; npos when
// there is none.
size_t MatchedFolderEnd(const std::string& pattern, const std::string& name);

// "The following URLs matched no objects or files:", as gcloud says it.
Status MatchedNothing(const std::string& url);

}  // namespace hodei::cli
