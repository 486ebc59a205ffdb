#include "cli/storage/storage_client.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace hodei::cli {

ObjectEntry ParseObject(const Json& json) {
  ObjectEntry entry;
  entry.bucket = MemberText(json, "bucket");
  entry.name = MemberText(json, "name");
  entry.size = std::strtoull(MemberText(json, "size").c_str(), nullptr, 10);
  entry.generation = MemberText(json, "generation");
  entry.updated = MemberText(json, "updated");
  entry.crc32c = MemberText(json, "crc32c");
  return entry;
}

std::string BucketPath(const std::string& bucket) {
  return "/storage/v1/b/" + PercentEncode(bucket);
}

std::string ObjectPath(const GsUrl& url) {
  return BucketPath(url.bucket) + "/o/" + PercentEncode(url.object);
}

std::string Crc32cText(uint32_t crc) {
  std::string bytes = {static_cast<char>(crc >> 24), static_cast<char>(crc >> 16),
                       static_cast<char>(crc >> 8), static_cast<char>(crc)};
  return Base64Encode(bytes);
}

Result<Listing> ListObjects(Api& api, const std::string& bucket, const std::string& prefix,
                            bool folders, bool all_versions) {
  Listing listing;
  Query query = {
      {"prefix", prefix},
      {"maxResults", "1000"},
      {"fields", "items(bucket,name,size,generation,updated,crc32c),prefixes,nextPageToken"}};
  if (folders) query.emplace_back("delimiter", "/");
  if (all_versions) query.emplace_back("versions", "true");
  std::string token;
  do {
    Query paged = query;
    if (!token.empty()) paged.emplace_back("pageToken", token);
    ASSIGN_OR_RETURN(Json page, api.Get(BucketPath(bucket) + "/o", paged));
    if (const Json* items = Member(page, "items"); items != nullptr) {
      for (const Json& item : *items) {
        ObjectEntry entry = ParseObject(item);
        entry.bucket = bucket;
        listing.objects.push_back(std::move(entry));
      }
    }
    if (const Json* prefixes = Member(page, "prefixes"); prefixes != nullptr) {
      for (const Json& one : *prefixes) {
        if (one.is_string()) listing.prefixes.push_back(one.get<std::string>());
      }
    }
    token = MemberText(page, "nextPageToken");
  } while (!token.empty());
  return listing;
}

Result<ObjectEntry> StatObject(Api& api, const GsUrl& url) {
  ASSIGN_OR_RETURN(Json json, api.Get(ObjectPath(url)));
  return ParseObject(json);
}

Status DeleteObject(Api& api, const GsUrl& url, const std::string& generation) {
  Query query;
  if (!generation.empty()) query.emplace_back("generation", generation);
  return api.Call("DELETE", ObjectPath(url), query).status();
}

Result<ObjectEntry> CopyObject(Api& api, const GsUrl& from, const GsUrl& to) {
  std::string path = fmt::format("{}/rewriteTo/b/{}/o/{}", ObjectPath(from),
                                 PercentEncode(to.bucket), PercentEncode(to.object));
  Query query;
  while (true) {
    ASSIGN_OR_RETURN(Json answer, api.Call("POST", path, query));
    if (MemberText(answer, "done") != "false") {
      const Json* resource = Member(answer, "resource");
      return ParseObject(resource == nullptr ? answer : *resource);
    }
    query = {{"rewriteToken", MemberText(answer, "rewriteToken")}};
  }
}

Result<std::vector<ObjectEntry>> ExpandUrl(Api& api, const GsUrl& url) {
  std::vector<ObjectEntry> entries;
  if (!HasWildcard(url.object)) {
    Result<ObjectEntry> entry = StatObject(api, url);
    if (entry.ok()) {
      entries.push_back(*entry);
    } else if (entry.status().code() != Code::kNotFound) {
      return entry.status();
    }
    return entries;
  }
  ASSIGN_OR_RETURN(Listing listing,
                   ListObjects(api, url.bucket, std::string(FixedPrefix(url.object)), false));
  for (ObjectEntry& entry : listing.objects) {
    if (GlobMatches(url.object, entry.name)) entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace hodei::cli
