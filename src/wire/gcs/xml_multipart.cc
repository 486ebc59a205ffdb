#include "wire/gcs/xml_multipart.h"

#include <fmt/format.h>

#include "base/encoding.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/upload.h"
#include "wire/gcs/xml_text.h"
#include "wire/xml/xml_document.h"

namespace hodei::wire::gcs {
namespace {

constexpr size_t kListLimit = 1000;

// A count parameter of a listing: 1..1000, 1000 without one.
Result<size_t> ReadLimit(const Query& query, std::string_view name) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> limit, query.Number(name));
  if (limit && *limit < 0) {
    return InvalidArgument(fmt::format("Invalid argument: {}.", name)).WithReason("invalid");
  }
  if (!limit || *limit == 0) return kListLimit;
  return static_cast<size_t>(std::min<int64_t>(*limit, kListLimit));
}

std::string Quoted(std::string_view md5) { return fmt::format("\"{}\"", HexEncode(md5)); }

// "\"hex\"" → the raw bytes; empty for a composite etag, which names no single part.
Result<std::string> ReadEtag(std::string text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  Result<std::string> md5 = HexDecode(text);
  if (!md5.ok() || md5->size() != 16) {
    return InvalidArgument(
               "One or more of the specified parts could not be found, or its entity tag did not "
               "match.")
        .WithReason("invalidPart");
  }
  return *std::move(md5);
}

Result<std::vector<store::CompletedPart>> ReadParts(std::string_view body) {
  ASSIGN_OR_RETURN(const XmlElement root, ParseXml(body));
  const Status malformed =
      InvalidArgument(
          "The XML you provided was not well-formed or did not validate against our published "
          "schema.")
          .WithReason("malformedXml");
  if (root.name != "CompleteMultipartUpload") return malformed;
  std::vector<store::CompletedPart> parts;
  for (const XmlElement* element : root.Children("Part")) {
    const std::optional<int64_t> number = ParseInt64(element->ChildText("PartNumber"));
    if (!number || *number < 1 || *number > store::kMultipartPartLimit) return malformed;
    store::CompletedPart part;
    part.number = static_cast<int>(*number);
    ASSIGN_OR_RETURN(part.md5, ReadEtag(element->ChildText("ETag")));
    parts.push_back(std::move(part));
  }
  if (parts.empty()) return malformed;
  return parts;
}

// Clients look for these elements by this name space, and for those of listings by another.
std::string Root(std::string_view name) {
  return fmt::format("{}<{} xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>", kXmlProlog, name);
}

}  // namespace

store::MultipartKey MultipartKeyOf(const Request& request) {
  return {request.route.bucket, request.route.object, request.query.Get("uploadId")};
}

Result<int> PartNumberOf(const Request& request) {
  const std::optional<int64_t> number = ParseInt64(request.query.Get("partNumber"));
  if (!number || *number < 1 || *number > store::kMultipartPartLimit) {
    return InvalidArgument(
               fmt::format("Part number must be an integer between 1 and {}, inclusive.",
                           store::kMultipartPartLimit))
        .WithReason("invalid");
  }
  return static_cast<int>(*number);
}

Result<net::HttpResponse> StartXmlMultipart(const GcsApi& api, const Request& request) {
  const Route& route = request.route;
  RETURN_IF_ERROR(api.Allow(request, route.bucket, "storage.multipartUploads.create").status());
  ASSIGN_OR_RETURN(const Bucket bucket, api.Allow(request, route.bucket, "storage.objects.create"));
  store::UploadStart start;
  start.principal = request.principal.email;
  RETURN_IF_ERROR(ReadXmlHeaders(request.headers, &start.object));
  start.object.set_bucket(route.bucket);
  start.object.set_name(route.object);
  RETURN_IF_ERROR(ApplyObjectAcl(bucket, request.PredefinedAcl(), &start.object));
  ASSIGN_OR_RETURN(const std::string id, api.store().StartMultipart(start));
  std::string out = Root("InitiateMultipartUploadResult");
  AppendElement("Bucket", route.bucket, &out);
  AppendElement("Key", route.object, &out);
  AppendElement("UploadId", id, &out);
  out += "</InitiateMultipartUploadResult>";
  return XmlResponse(std::move(out));
}

Result<net::HttpResponse> CompleteXmlMultipart(const GcsApi& api, const Request& request,
                                               std::string_view body) {
  const Route& route = request.route;
  RETURN_IF_ERROR(api.Allow(request, route.bucket, "storage.objects.create").status());
  ASSIGN_OR_RETURN(const std::vector<store::CompletedPart> parts, ReadParts(body));
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  ASSIGN_OR_RETURN(const Object object,
                   api.store().CompleteMultipart(MultipartKeyOf(request), parts, wish));
  std::string out = Root("CompleteMultipartUploadResult");
  AppendElement("Location", request.base_url + request.path, &out);
  AppendElement("Bucket", route.bucket, &out);
  AppendElement("Key", route.object, &out);
  AppendElement("ETag", XmlEtag(object), &out);
  out += "</CompleteMultipartUploadResult>";
  net::HttpResponse response = XmlResponse(std::move(out));
  response.headers.Add("x-goog-generation", std::to_string(object.generation()));
  response.headers.Add("x-goog-hash", "crc32c=" + CrcText(object.crc32c()));
  return response;
}

Result<net::HttpResponse> AbortXmlMultipart(const GcsApi& api, const Request& request) {
  RETURN_IF_ERROR(
      api.Allow(request, request.route.bucket, "storage.multipartUploads.abort").status());
  RETURN_IF_ERROR(api.store().AbortMultipart(MultipartKeyOf(request)));
  return EmptyResponse(204);
}

Result<net::HttpResponse> ListXmlParts(const GcsApi& api, const Request& request) {
  RETURN_IF_ERROR(
      api.Allow(request, request.route.bucket, "storage.multipartUploads.listParts").status());
  ASSIGN_OR_RETURN(const size_t limit, ReadLimit(request.query, "max-parts"));
  ASSIGN_OR_RETURN(const std::optional<int64_t> marker, request.query.Number("part-number-marker"));
  const int after =
      static_cast<int>(std::clamp<int64_t>(marker.value_or(0), 0, store::kMultipartPartLimit));
  ASSIGN_OR_RETURN(const store::ListPartsPage page,
                   api.store().ListParts(MultipartKeyOf(request), after, limit));
  std::string out = Root("ListPartsResult");
  AppendElement("Bucket", request.route.bucket, &out);
  AppendElement("Key", request.route.object, &out);
  AppendElement("UploadId", page.upload.id, &out);
  AppendElement("PartNumberMarker", std::to_string(after), &out);
  if (page.more && !page.parts.empty()) {
    AppendElement("NextPartNumberMarker", std::to_string(page.parts.back().number), &out);
  }
  AppendElement("MaxParts", std::to_string(limit), &out);
  AppendElement("IsTruncated", page.more ? "true" : "false", &out);
  for (const store::MultipartPart& part : page.parts) {
    out += "<Part>";
    AppendElement("PartNumber", std::to_string(part.number), &out);
    AppendElement("LastModified", FormatTime(part.time_created), &out);
    AppendElement("ETag", Quoted(part.md5), &out);
    AppendElement("Size", std::to_string(part.size), &out);
    out += "</Part>";
  }
  out += "</ListPartsResult>";
  return XmlResponse(std::move(out));
}

Result<net::HttpResponse> ListXmlMultiparts(const GcsApi& api, const Request& request) {
  RETURN_IF_ERROR(
      api.Allow(request, request.route.bucket, "storage.multipartUploads.list").status());
  store::ListMultipartsOptions options;
  options.prefix = request.query.Get("prefix");
  options.after_name = request.query.Get("key-marker");
  options.after_id = request.query.Get("upload-id-marker");
  ASSIGN_OR_RETURN(options.limit, ReadLimit(request.query, "max-uploads"));
  ASSIGN_OR_RETURN(const store::ListMultipartsPage page,
                   api.store().ListMultiparts(request.route.bucket, options));
  std::string out = Root("ListMultipartUploadsResult");
  AppendElement("Bucket", request.route.bucket, &out);
  AppendElement("KeyMarker", options.after_name, &out);
  AppendElement("UploadIdMarker", options.after_id, &out);
  if (page.more && !page.uploads.empty()) {
    AppendElement("NextKeyMarker", page.uploads.back().object.name(), &out);
    AppendElement("NextUploadIdMarker", page.uploads.back().id, &out);
  }
  AppendElement("MaxUploads", std::to_string(options.limit), &out);
  AppendElement("IsTruncated", page.more ? "true" : "false", &out);
  for (const store::MultipartUpload& upload : page.uploads) {
    out += "<Upload>";
    AppendElement("Key", upload.object.name(), &out);
    AppendElement("UploadId", upload.id, &out);
    AppendElement("Initiated", FormatTime(upload.time_created), &out);
    out += "</Upload>";
  }
  out += "</ListMultipartUploadsResult>";
  return XmlResponse(std::move(out));
}

}  // namespace hodei::wire::gcs
