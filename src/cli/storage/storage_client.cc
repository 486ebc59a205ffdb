#include "cli/storage/storage_client.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "base/encoding.h"

namespace hodei::cli {
namespace {

constexpr const char* kEntryFields =
    "items(bucket,name,size,generation,metageneration,timeCreated,updated,etag,crc32c,md5Hash,"
    "contentEncoding,metadata/goog-reserved-file-mtime),prefixes,nextPageToken";

std::optional<int64_t> FileTime(const Json& json) {
  const Json* metadata = Member(json, "metadata");
  if (metadata == nullptr || !metadata->is_object()) return std::nullopt;
  auto found = metadata->find("goog-reserved-file-mtime");
  if (found == metadata->end() || !found->is_string()) return std::nullopt;
  const std::string& text = found->get_ref<const std::string&>();
  int64_t seconds = 0;
  auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (code != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return seconds;
}

// The source's own settings under those asked for: a body of rewriteTo replaces all of them.
Result<Json> CopiedResource(Api& api, const ObjectEntry& from, const ObjectSettings& settings) {
  GsUrl url = from.url();
  ASSIGN_OR_RETURN(Json source, api.Get(ObjectPath(url)));
  Json body = Json::object();
  for (const char* field : {"contentType", "contentEncoding", "contentLanguage",
                            "contentDisposition", "cacheControl", "metadata"}) {
    if (const Json* value = Member(source, field); value != nullptr) body[field] = *value;
  }
  body.merge_patch(settings.Resource());
  return body;
}

}  // namespace

Query ObjectSettings::Parameters() const {
  Query query;
  if (!predefined_acl.empty()) query.emplace_back("predefinedAcl", predefined_acl);
  if (!if_generation_match.empty()) query.emplace_back("ifGenerationMatch", if_generation_match);
  if (!if_metageneration_match.empty())
    query.emplace_back("ifMetagenerationMatch", if_metageneration_match);
  return query;
}

Json ObjectSettings::Resource() const {
  Json json = Json::object();
  for (const auto& [field, value] : fields) json[field] = value;
  for (const auto& [key, value] : metadata) json["metadata"][key] = value;
  return json;
}

ObjectEntry ParseObject(const Json& json) {
  ObjectEntry entry;
  entry.bucket = MemberText(json, "bucket");
  entry.name = MemberText(json, "name");
  entry.size = std::strtoull(MemberText(json, "size").c_str(), nullptr, 10);
  entry.generation = MemberText(json, "generation");
  entry.metageneration = MemberText(json, "metageneration");
  entry.created = MemberText(json, "timeCreated");
  entry.updated = MemberText(json, "updated");
  entry.etag = MemberText(json, "etag");
  entry.crc32c = MemberText(json, "crc32c");
  entry.md5 = MemberText(json, "md5Hash");
  entry.content_encoding = MemberText(json, "contentEncoding");
  entry.mtime = FileTime(json);
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

Result<std::vector<std::string>> ForEachObject(Api& api, const ListRequest& request,
                                               const std::function<Status(const Json&)>& each) {
  std::vector<std::string> prefixes;
  Query query = {{"prefix", request.prefix}, {"maxResults", "1000"}};
  if (request.every_field) {
    query.emplace_back("projection", "full");
  } else {
    query.emplace_back("fields", kEntryFields);
  }
  if (request.folders) query.emplace_back("delimiter", "/");
  if (request.versions) query.emplace_back("versions", "true");
  if (request.soft_deleted) query.emplace_back("softDeleted", "true");
  std::string token;
  do {
    Query paged = query;
    if (!token.empty()) paged.emplace_back("pageToken", token);
    ASSIGN_OR_RETURN(Json page, api.Get(BucketPath(request.bucket) + "/o", paged));
    if (const Json* items = Member(page, "items"); items != nullptr && items->is_array()) {
      for (const Json& item : *items) RETURN_IF_ERROR(each(item));
    }
    if (const Json* list = Member(page, "prefixes"); list != nullptr && list->is_array()) {
      for (const Json& one : *list) {
        if (one.is_string()) prefixes.push_back(one.get<std::string>());
      }
    }
    token = MemberText(page, "nextPageToken");
  } while (!token.empty());
  return prefixes;
}

Result<Listing> ListObjects(Api& api, const ListRequest& request) {
  Listing listing;
  ASSIGN_OR_RETURN(listing.prefixes, ForEachObject(api, request, [&](const Json& item) {
                     listing.objects.push_back(ParseObject(item));
                     listing.objects.back().bucket = request.bucket;
                     return OkStatus();
                   }));
  return listing;
}

Result<ObjectEntry> StatObject(Api& api, const GsUrl& url) {
  Query query;
  if (!url.generation.empty()) query.emplace_back("generation", url.generation);
  ASSIGN_OR_RETURN(Json json, api.Get(ObjectPath(url), query));
  return ParseObject(json);
}

Status DeleteObject(Api& api, const GsUrl& url, const std::string& generation) {
  Query query;
  if (!generation.empty()) query.emplace_back("generation", generation);
  return api.Call("DELETE", ObjectPath(url), query).status();
}

Result<ObjectEntry> CopyObject(Api& api, const ObjectEntry& from, const GsUrl& to,
                               const ObjectSettings& settings) {
  std::string path = fmt::format("{}/rewriteTo/b/{}/o/{}", ObjectPath(from.url()),
                                 PercentEncode(to.bucket), PercentEncode(to.object));
  Json body;
  if (!settings.empty()) {
    ASSIGN_OR_RETURN(body, CopiedResource(api, from, settings));
  }
  Query start = settings.Parameters();
  if (start.size() && !settings.predefined_acl.empty()) {
    start.front().first = "destinationPredefinedAcl";
  }
  if (!from.generation.empty()) start.emplace_back("sourceGeneration", from.generation);
  Query query = start;
  while (true) {
    ASSIGN_OR_RETURN(Json answer, api.Call("POST", path, query, body.is_null() ? nullptr : &body));
    if (MemberText(answer, "done") != "false") {
      const Json* resource = Member(answer, "resource");
      ObjectEntry entry = ParseObject(resource == nullptr ? answer : *resource);
      bool same = entry.crc32c.empty() || from.crc32c.empty() || entry.crc32c == from.crc32c;
      if (same) return entry;
      return DataLoss(fmt::format("{} arrived damaged (crc32c {} instead of {})", to.Text(),
                                  entry.crc32c, from.crc32c));
    }
    query = start;
    query.emplace_back("rewriteToken", MemberText(answer, "rewriteToken"));
  }
}

Result<std::vector<std::string>> ListBucketNames(Api& api, const std::string& project,
                                                 const std::string& pattern) {
  std::vector<std::string> names;
  std::string token;
  do {
    Query query = {
        {"project", project}, {"maxResults", "1000"}, {"fields", "items(name),nextPageToken"}};
    if (!token.empty()) query.emplace_back("pageToken", token);
    ASSIGN_OR_RETURN(Json page, api.Get("/storage/v1/b", query));
    if (const Json* items = Member(page, "items"); items != nullptr && items->is_array()) {
      for (const Json& bucket : *items) {
        std::string name = MemberText(bucket, "name");
        if (pattern.empty() || GlobMatches(pattern, name)) names.push_back(std::move(name));
      }
    }
    token = MemberText(page, "nextPageToken");
  } while (!token.empty());
  return names;
}

Result<std::vector<ObjectEntry>> ExpandUrl(Api& api, const GsUrl& url, bool versions) {
  std::vector<ObjectEntry> entries;
  bool wildcard = HasWildcard(url.object);
  if (!wildcard && (!versions || !url.generation.empty())) {
    Result<ObjectEntry> entry = StatObject(api, url);
    if (entry.ok()) {
      entries.push_back(*entry);
    } else if (entry.status().code() != Code::kNotFound) {
      return entry.status();
    }
    return entries;
  }
  ListRequest request{.bucket = url.bucket,
                      .prefix = wildcard ? std::string(FixedPrefix(url.object)) : url.object,
                      .versions = versions};
  Result<Listing> listing = ListObjects(api, request);
  if (!listing.ok() && listing.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("gs://{} not found: 404.", url.bucket));
  }
  RETURN_IF_ERROR(listing.status());
  for (ObjectEntry& entry : listing->objects) {
    bool named = wildcard ? GlobMatches(url.object, entry.name) : entry.name == url.object;
    if (named) entries.push_back(std::move(entry));
  }
  return entries;
}

size_t MatchedFolderEnd(const std::string& pattern, const std::string& name) {
  std::string_view bare = pattern;
  if (!bare.empty() && bare.back() == '/') bare.remove_suffix(1);
  for (size_t slash = name.find('/'); slash != name.npos; slash = name.find('/', slash + 1)) {
    if (GlobMatches(bare, std::string_view(name).substr(0, slash))) return slash + 1;
  }
  return name.npos;
}

Result<std::vector<ObjectEntry>> ExpandTree(Api& api, const GsUrl& url, bool versions) {
  bool wildcard = HasWildcard(url.object);
  std::vector<ObjectEntry> entries;
  std::string prefix = url.object;
  if (wildcard) {
    prefix = FixedPrefix(url.object);
  } else if (!prefix.empty() && prefix.back() != '/') {
    ASSIGN_OR_RETURN(entries, ExpandUrl(api, url, versions));
    prefix += '/';
  }
  Result<Listing> listing =
      ListObjects(api, {.bucket = url.bucket, .prefix = prefix, .versions = versions});
  if (!listing.ok() && listing.status().code() == Code::kNotFound) {
    return NotFound(fmt::format("gs://{} not found: 404.", url.bucket));
  }
  RETURN_IF_ERROR(listing.status());
  for (ObjectEntry& entry : listing->objects) {
    bool named = !wildcard || GlobMatches(url.object, entry.name) ||
                 MatchedFolderEnd(url.object, entry.name) != std::string::npos;
    if (named) entries.push_back(std::move(entry));
  }
  return entries;
}

Status MatchedNothing(const std::string& url) {
  return NotFound("The following URLs matched no objects or files:\n" + url);
}

}  // namespace hodei::cli
