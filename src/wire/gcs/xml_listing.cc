#include "wire/gcs/xml_listing.h"

#include <fmt/format.h>

#include "wire/gcs/xml_text.h"

namespace hodei::wire::gcs {
namespace {

bool IsSecondVersion(const Query& query) { return query.Get("list-type") == "2"; }

void PrintContents(const Object& object, bool versions, std::string* out) {
  const char* tag = versions ? "Version" : "Contents";
  out->append(fmt::format("<{}>", tag));
  AppendElement("Key", object.name(), out);
  AppendElement("Generation", std::to_string(object.generation()), out);
  AppendElement("MetaGeneration", std::to_string(object.metageneration()), out);
  if (versions) AppendElement("IsLatest", object.has_time_deleted() ? "false" : "true", out);
  AppendElement("LastModified", FormatTime(object.updated()), out);
  AppendElement("ETag", XmlEtag(object), out);
  AppendElement("Size", std::to_string(object.size()), out);
  AppendElement("StorageClass", object.storage_class(), out);
  out->append(fmt::format("</{}>", tag));
}

}  // namespace

// Version 1 resumes after a name, version 2 by a token of ours.
Result<store::ListObjectsOptions> ReadXmlListing(const Query& query) {
  const bool second = IsSecondVersion(query);
  store::ListObjectsOptions options;
  options.prefix = query.Get("prefix");
  options.delimiter = query.Get("delimiter");
  options.versions = query.Has("versions");
  ASSIGN_OR_RETURN(const std::optional<int64_t> limit, query.Number("max-keys"));
  if (limit && *limit < 0) {
    return InvalidArgument("Invalid argument: max-keys.").WithReason("invalid");
  }
  if (limit && *limit > 0) options.limit = static_cast<size_t>(std::min<int64_t>(*limit, 1000));
  const std::string& token = query.Get(second ? "continuation-token" : "generation-marker");
  const std::string& after = query.Get(second ? "start-after" : "marker");
  if (!token.empty()) {
    options.page_token = token;
  } else if (!after.empty()) {
    // A marker that ends in the delimiter was a common prefix: all below it is done.
    options.start_offset = after;
    if (!options.delimiter.empty() && after.ends_with(options.delimiter)) {
      options.start_offset.back() = static_cast<char>(options.start_offset.back() + 1);
    } else {
      options.start_offset.push_back('\0');
    }
  }
  return options;
}

std::string PrintXmlListing(const Request& request, const store::ListObjectsOptions& options,
                            const store::ListObjectsPage& page) {
  const bool second = IsSecondVersion(request.query);
  std::string out(kXmlProlog);
  const char* root = options.versions ? "ListVersionsResult" : "ListBucketResult";
  if (!options.versions || second) root = "ListBucketResult";
  out.append(fmt::format("<{} xmlns='{}'>", root, kXmlNamespace));
  AppendElement("Name", request.route.bucket, &out);
  AppendElement("Prefix", options.prefix, &out);
  if (second) {
    AppendElement("KeyCount", std::to_string(page.items.size() + page.prefixes.size()), &out);
  } else {
    AppendElement("Marker", request.query.Get("marker"), &out);
  }
  AppendElement("MaxKeys", std::to_string(options.limit), &out);
  if (!options.delimiter.empty()) AppendElement("Delimiter", options.delimiter, &out);
  AppendElement("IsTruncated", page.next_page_token.empty() ? "false" : "true", &out);
  if (!page.next_page_token.empty()) {
    std::string last;
    if (!page.items.empty()) last = page.items.back().name();
    if (!page.prefixes.empty()) last = std::max(last, page.prefixes.back());
    if (second) {
      AppendElement("NextContinuationToken", page.next_page_token, &out);
    } else {
      AppendElement("NextMarker", last, &out);
      if (options.versions) AppendElement("NextGenerationMarker", page.next_page_token, &out);
    }
  }
  for (const Object& object : page.items) PrintContents(object, options.versions, &out);
  for (const std::string& prefix : page.prefixes) {
    out.append("<CommonPrefixes>");
    AppendElement("Prefix", prefix, &out);
    out.append("</CommonPrefixes>");
  }
  out.append(fmt::format("</{}>", root));
  return out;
}

}  // namespace hodei::wire::gcs
