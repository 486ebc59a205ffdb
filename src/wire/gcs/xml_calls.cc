// The XML API, as far as clients use it: buckets, listing, objects, copies.
// Source: https://cloud.google.com/storage/docs/xml-api/reference-methods.
#include <fmt/format.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/bucket_resource.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/gcs_error.h"
#include "wire/gcs/media.h"
#include "wire/gcs/request.h"
#include "wire/gcs/upload.h"

namespace hodei::wire::gcs {
namespace {

constexpr std::string_view kProlog = "<?xml version='1.0' encoding='UTF-8'?>";
constexpr std::string_view kNamespace = "http://doc.s3.amazonaws.com/2006-03-01";

net::HttpResponse XmlResponse(std::string body) {
  net::HttpResponse response;
  response.headers.Add("Content-Type", "application/xml; charset=UTF-8");
  response.headers.Add("Cache-Control", "private, max-age=0");
  Harden(&response);
  response.body = std::move(body);
  return response;
}

Status NotAllowed() {
  return InvalidArgument("The specified method is not allowed against this resource.")
      .WithReason("methodNotAllowed");
}

void Element(std::string_view name, std::string_view text, std::string* out) {
  out->append(fmt::format("<{}>{}</{}>", name, EscapeXml(text), name));
}

std::string XmlEtag(const Object& object) {
  if (object.md5_hash().empty()) return fmt::format("\"{}\"", ObjectEtag(object));
  return fmt::format("\"{}\"", HexEncode(object.md5_hash()));
}

// Version 1 resumes after a name, version 2 by a token of ours.
Result<store::ListObjectsOptions> ReadListing(const Query& query, bool second) {
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

void PrintContents(const Object& object, bool versions, std::string* out) {
  const char* tag = versions ? "Version" : "Contents";
  out->append(fmt::format("<{}>", tag));
  Element("Key", object.name(), out);
  Element("Generation", std::to_string(object.generation()), out);
  Element("MetaGeneration", std::to_string(object.metageneration()), out);
  if (versions) Element("IsLatest", object.has_time_deleted() ? "false" : "true", out);
  Element("LastModified", FormatTime(object.updated()), out);
  Element("ETag", XmlEtag(object), out);
  Element("Size", std::to_string(object.size()), out);
  Element("StorageClass", object.storage_class(), out);
  out->append(fmt::format("</{}>", tag));
}

std::string PrintPage(const Request& request, const store::ListObjectsOptions& options,
                      const store::ListObjectsPage& page, bool second) {
  std::string out(kProlog);
  const char* root = options.versions ? "ListVersionsResult" : "ListBucketResult";
  if (!options.versions || second) root = "ListBucketResult";
  out.append(fmt::format("<{} xmlns='{}'>", root, kNamespace));
  Element("Name", request.route.bucket, &out);
  Element("Prefix", options.prefix, &out);
  if (second) {
    Element("KeyCount", std::to_string(page.items.size() + page.prefixes.size()), &out);
  } else {
    Element("Marker", request.query.Get("marker"), &out);
  }
  Element("MaxKeys", std::to_string(options.limit), &out);
  if (!options.delimiter.empty()) Element("Delimiter", options.delimiter, &out);
  Element("IsTruncated", page.next_page_token.empty() ? "false" : "true", &out);
  if (!page.next_page_token.empty()) {
    std::string last;
    if (!page.items.empty()) last = page.items.back().name();
    if (!page.prefixes.empty()) last = std::max(last, page.prefixes.back());
    if (second) {
      Element("NextContinuationToken", page.next_page_token, &out);
    } else {
      Element("NextMarker", last, &out);
      if (options.versions) Element("NextGenerationMarker", page.next_page_token, &out);
    }
  }
  for (const Object& object : page.items) PrintContents(object, options.versions, &out);
  for (const std::string& prefix : page.prefixes) {
    out.append("<CommonPrefixes>");
    Element("Prefix", prefix, &out);
    out.append("</CommonPrefixes>");
  }
  out.append(fmt::format("</{}>", root));
  return out;
}

// The text of the first <name>…</name>, or empty. Enough for the tiny documents that create
// buckets: no entities, no attributes, nothing external is ever looked at.
std::string_view TextOf(std::string_view document, std::string_view name) {
  const std::string open = fmt::format("<{}>", name);
  const std::string close = fmt::format("</{}>", name);
  const size_t begin = document.find(open);
  if (begin == std::string_view::npos) return {};
  const size_t from = begin + open.size();
  const size_t end = document.find(close, from);
  return end == std::string_view::npos ? std::string_view() : document.substr(from, end - from);
}

Result<net::HttpResponse> PrintSubresource(const Bucket& bucket, const Query& query) {
  std::string out(kProlog);
  if (query.Has("versioning")) {
    const bool enabled = bucket.versioning().enabled();
    out.append(bucket.has_versioning() ? fmt::format("<VersioningConfiguration><Status>{}</Status>"
                                                     "</VersioningConfiguration>",
                                                     enabled ? "Enabled" : "Suspended")
                                       : "<VersioningConfiguration/>");
  } else if (query.Has("location")) {
    Element("LocationConstraint", bucket.location(), &out);
  } else if (query.Has("storageClass")) {
    Element("StorageClass", bucket.storage_class(), &out);
  } else if (query.Has("acl") || query.Has("defaultObjectAcl")) {
    out.append("<AccessControlList><Owner/><Entries/></AccessControlList>");
  } else if (query.Has("cors")) {
    out.append("<CorsConfig/>");
  } else if (query.Has("lifecycle")) {
    out.append("<LifecycleConfiguration/>");
  } else if (query.Has("logging")) {
    out.append("<Logging/>");
  } else if (query.Has("websiteConfig")) {
    out.append("<WebsiteConfiguration/>");
  } else {
    return Status(Unimplemented("This bucket setting has no XML form here."));
  }
  return XmlResponse(std::move(out));
}

bool HasSubresource(const Query& query) {
  for (const char* name :
       {"versioning", "location", "storageClass", "acl", "defaultObjectAcl", "cors", "lifecycle",
        "logging", "websiteConfig", "encryptionConfig", "billing", "tagging", "uploads"}) {
    if (query.Has(name)) return true;
  }
  return false;
}

class XmlCalls {
 public:
  XmlCalls(const GcsApi& api, const Request& request, std::string_view body)
      : api_(api), request_(request), body_(body) {}

  Result<net::HttpResponse> Bucket() const {
    const std::string& method = request_.method;
    if (method == "GET") return HasSubresource(request_.query) ? Subresource() : List();
    if (method == "HEAD") {
      RETURN_IF_ERROR(Allow("storage.buckets.get").status());
      return EmptyResponse(200);
    }
    if (method == "DELETE" && !HasSubresource(request_.query)) {
      RETURN_IF_ERROR(Allow("storage.buckets.delete").status());
      ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
      RETURN_IF_ERROR(api_.store().DeleteBucket(request_.route.bucket, wish));
      return EmptyResponse(204);
    }
    if (method == "PUT" && request_.query.Has("versioning")) return SetVersioning();
    return NotAllowed();
  }

  Result<net::HttpResponse> Object() const {
    const std::string& method = request_.method;
    if (method == "GET" || method == "HEAD") return Read();
    if (method == "DELETE") {
      RETURN_IF_ERROR(Allow("storage.objects.delete").status());
      ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request_.Generation());
      ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
      RETURN_IF_ERROR(api_.store().DeleteObject(request_.route.bucket, request_.route.object,
                                                generation, wish));
      return EmptyResponse(204);
    }
    if (method == "PUT" && request_.headers.Has("x-goog-copy-source")) return Copy();
    return NotAllowed();
  }

 private:
  Result<google::storage::v1::Bucket> Allow(std::string_view permission) const {
    return api_.Allow(request_, request_.route.bucket, permission);
  }

  Result<net::HttpResponse> Subresource() const {
    ASSIGN_OR_RETURN(const google::storage::v1::Bucket bucket, Allow("storage.buckets.get"));
    return PrintSubresource(bucket, request_.query);
  }

  Result<net::HttpResponse> SetVersioning() const {
    RETURN_IF_ERROR(Allow("storage.buckets.update").status());
    const std::string_view status = TextOf(body_, "Status");
    if (status != "Enabled" && status != "Suspended") {
      return InvalidArgument("The XML you provided was not well-formed.").WithReason("invalid");
    }
    RETURN_IF_ERROR(api_.store()
                        .UpdateBucket(request_.route.bucket, {},
                                      [&](google::storage::v1::Bucket* edited) {
                                        edited->mutable_versioning()->set_enabled(status ==
                                                                                  "Enabled");
                                        return OkStatus();
                                      })
                        .status());
    return EmptyResponse(200);
  }

  Result<net::HttpResponse> List() const {
    RETURN_IF_ERROR(Allow("storage.objects.list").status());
    const bool second = request_.query.Get("list-type") == "2";
    ASSIGN_OR_RETURN(const store::ListObjectsOptions options, ReadListing(request_.query, second));
    ASSIGN_OR_RETURN(const store::ListObjectsPage page,
                     api_.store().ListObjects(request_.route.bucket, options));
    return XmlResponse(PrintPage(request_, options, page, second));
  }

  Result<net::HttpResponse> Read() const {
    RETURN_IF_ERROR(Allow("storage.objects.get").status());
    if (request_.query.Has("acl")) {
      return XmlResponse(std::string(kProlog) +
                         "<AccessControlList><Owner/><Entries/></AccessControlList>");
    }
    ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request_.Generation());
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    ASSIGN_OR_RETURN(
        store::OpenedObject opened,
        api_.store().OpenObject(request_.route.bucket, request_.route.object, generation, wish));
    return MediaResponse(request_, std::move(opened));
  }

  Result<net::HttpResponse> Copy() const {
    ASSIGN_OR_RETURN(std::string from, PercentDecode(request_.headers.Get("x-goog-copy-source")));
    if (from.starts_with("/")) from.erase(0, 1);
    const size_t slash = from.find('/');
    if (slash == std::string::npos) {
      return InvalidArgument("Invalid argument: x-goog-copy-source.").WithReason("invalid");
    }
    store::CopySource source{from.substr(0, slash), from.substr(slash + 1), std::nullopt, {}};
    const std::string_view generation = request_.headers.Get("x-goog-copy-source-generation");
    if (!generation.empty()) {
      source.generation = ParseInt64(generation);
      if (!source.generation) {
        return InvalidArgument("Invalid argument: x-goog-copy-source-generation.")
            .WithReason("invalid");
      }
    }
    RETURN_IF_ERROR(api_.Allow(request_, source.bucket, "storage.objects.get").status());
    RETURN_IF_ERROR(Allow("storage.objects.create").status());
    std::optional<google::storage::v1::Object> metadata;
    if (request_.headers.Get("x-goog-metadata-directive") == "REPLACE") {
      RETURN_IF_ERROR(ReadXmlHeaders(request_.headers, &metadata.emplace()));
    }
    ASSIGN_OR_RETURN(const store::Preconditions wish, request_.Preconditions());
    ASSIGN_OR_RETURN(const google::storage::v1::Object object,
                     api_.store().CopyObject(source, request_.route.bucket, request_.route.object,
                                             metadata, wish));
    std::string out(kProlog);
    out.append("<CopyObjectResult>");
    Element("LastModified", FormatTime(object.updated()), &out);
    Element("ETag", XmlEtag(object), &out);
    out.append("</CopyObjectResult>");
    return XmlResponse(std::move(out));
  }

  const GcsApi& api_;
  const Request& request_;
  const std::string_view body_;
};

}  // namespace

GcsApi::Response GcsApi::XmlService(const Request& request) const {
  if (request.method != "GET" && request.method != "HEAD") return NotAllowed();
  ASSIGN_OR_RETURN(
      const std::string project,
      AllowProject(request, request.headers.Get("x-goog-project-id"), "storage.buckets.list"));
  store::ListBucketsOptions options;
  options.project_id = project;
  ASSIGN_OR_RETURN(const store::ListBucketsPage page, parts_.store->ListBuckets(options));
  std::string out(kProlog);
  out.append(fmt::format("<ListAllMyBucketsResult xmlns='{}'><Owner/><Buckets>", kNamespace));
  for (const Bucket& bucket : page.buckets) {
    out.append("<Bucket>");
    Element("Name", bucket.name(), &out);
    Element("CreationDate", FormatTime(bucket.time_created()), &out);
    out.append("</Bucket>");
  }
  out.append("</Buckets></ListAllMyBucketsResult>");
  return XmlResponse(std::move(out));
}

GcsApi::Response GcsApi::XmlCreateBucket(const Request& request, std::string_view body) const {
  ASSIGN_OR_RETURN(
      const std::string project,
      AllowProject(request, request.headers.Get("x-goog-project-id"), "storage.buckets.create"));
  Bucket bucket;
  Json json = Json::object();
  const std::string_view location = TextOf(body, "LocationConstraint");
  const std::string_view storage_class = TextOf(body, "StorageClass");
  if (!location.empty()) json["location"] = location;
  if (!storage_class.empty()) json["storageClass"] = storage_class;
  RETURN_IF_ERROR(ReadBucket(json, /*merge=*/false, &bucket));
  bucket.set_name(request.route.bucket);
  bucket.set_project_id(project);
  bucket.set_project_number(ProjectNumber(project));
  RETURN_IF_ERROR(parts_.store->CreateBucket(bucket).status());
  return EmptyResponse(200);
}

GcsApi::Response GcsApi::Xml(const Request& request, std::string_view body) const {
  if (request.route.call == Call::kXmlService) return XmlService(request);
  const XmlCalls calls(*this, request, body);
  if (request.route.call == Call::kXmlObject) return calls.Object();
  if (request.method == "PUT" && !HasSubresource(request.query)) {
    return XmlCreateBucket(request, body);
  }
  return calls.Bucket();
}

}  // namespace hodei::wire::gcs
