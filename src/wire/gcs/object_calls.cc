// Calls about objects, except their bytes and copies.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/object_resource.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

net::HttpResponse ObjectResponse(const Request& request, const Object& object,
                                 bool full_by_default = false) {
  std::string body;
  PrintObject(object, request.Context(full_by_default), request.fields, &body);
  return JsonResponse(std::move(body));
}

Result<store::ListObjectsOptions> ReadListOptions(const Query& query) {
  store::ListObjectsOptions options;
  options.prefix = query.Get("prefix");
  options.delimiter = query.Get("delimiter");
  options.include_trailing_delimiter = query.Flag("includeTrailingDelimiter");
  options.start_offset = query.Get("startOffset");
  options.end_offset = query.Get("endOffset");
  options.match_glob = query.Get("matchGlob");
  options.versions = query.Flag("versions");
  options.soft_deleted = query.Flag("softDeleted");
  if (options.versions && options.soft_deleted) {
    return InvalidArgument("You cannot list versions and soft-deleted objects together.")
        .WithReason("invalid");
  }
  options.page_token = query.Get("pageToken");
  ASSIGN_OR_RETURN(const std::optional<int64_t> limit, query.Number("maxResults"));
  if (limit && *limit < 0) {
    return InvalidArgument("Invalid value for: maxResults.").WithReason("invalidParameter");
  }
  if (limit && *limit > 0) options.limit = static_cast<size_t>(std::min<int64_t>(*limit, 1000));
  return options;
}

void PrintListing(const store::ListObjectsPage& page, const Request& request, std::string* body) {
  JsonObjectWriter writer(request.fields, body);
  writer.String("kind", "storage#objects");
  writer.NonEmpty("nextPageToken", page.next_page_token);
  if (!page.prefixes.empty() && writer.Begin("prefixes") != nullptr) {
    char separator = '[';
    for (const std::string& prefix : page.prefixes) {
      body->push_back(separator);
      separator = ',';
      body->append(JsonQuote(prefix));
    }
    body->push_back(']');
  }
  const FieldSelection* items = page.items.empty() ? nullptr : writer.Begin("items");
  if (items == nullptr) return;
  const PrintContext context = request.Context();
  char separator = '[';
  for (const Object& object : page.items) {
    body->push_back(separator);
    separator = ',';
    PrintObject(object, context, *items, body);
  }
  body->push_back(']');
}

}  // namespace

GcsApi::Response GcsApi::ListObjects(const Request& request) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.list").status());
  ASSIGN_OR_RETURN(const store::ListObjectsOptions options, ReadListOptions(request.query));
  ASSIGN_OR_RETURN(const store::ListObjectsPage page,
                   parts_.store->ListObjects(request.route.bucket, options));
  std::string body;
  PrintListing(page, request, &body);
  return JsonResponse(std::move(body));
}

GcsApi::Response GcsApi::GetObject(const Request& request) const {
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  RETURN_IF_ERROR(
      AllowRead(request, request.route.bucket, request.route.object, generation).status());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  const bool soft_deleted = request.query.Flag("softDeleted");
  if (soft_deleted && !generation) {
    return InvalidArgument("Required parameter: generation").WithReason("required");
  }
  ASSIGN_OR_RETURN(
      const Object object,
      soft_deleted
          ? parts_.store->GetSoftDeleted(request.route.bucket, request.route.object, *generation)
          : parts_.store->GetObject(request.route.bucket, request.route.object, generation, wish));
  net::HttpResponse response = ObjectResponse(request, object);
  const std::string etag = ObjectEtag(object);
  const std::string_view none = request.headers.Get("If-None-Match");
  if (!none.empty() && (none == etag || none == "\"" + etag + "\"")) {
    return FailedPrecondition("Not Modified").WithReason("notModified");
  }
  response.headers.Add("ETag", etag);
  if (request.method == "HEAD") {
    response.content_length_of_head = std::get<std::string>(response.body).size();
    response.body = std::string();
  }
  return response;
}

GcsApi::Response GcsApi::EditObject(const Request& request, std::string_view body) const {
  ASSIGN_OR_RETURN(const google::storage::v1::Bucket bucket,
                   Allow(request, request.route.bucket, "storage.objects.update"));
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  const bool merge = request.route.call == Call::kPatchObject;
  const auto edit = [&](Object* edited) -> Status {
    RETURN_IF_ERROR(request.CheckIfMatch(ObjectEtag(*edited)));
    RETURN_IF_ERROR(ReadObject(json, merge, edited));
    if (request.PredefinedAcl().empty()) return OkStatus();
    return ApplyObjectAcl(bucket, request.PredefinedAcl(), edited);
  };
  ASSIGN_OR_RETURN(const Object object,
                   parts_.store->UpdateObject(request.route.bucket, request.route.object,
                                              generation, wish, edit));
  return ObjectResponse(request, object, /*full_by_default=*/true);
}

GcsApi::Response GcsApi::DeleteObject(const Request& request) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.delete").status());
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  ASSIGN_OR_RETURN(store::Preconditions wish, request.Preconditions());
  if (request.headers.Has("If-Match")) {
    ASSIGN_OR_RETURN(
        const Object object,
        parts_.store->GetObject(request.route.bucket, request.route.object, generation));
    RETURN_IF_ERROR(request.CheckIfMatch(ObjectEtag(object)));
    // The etag is these two numbers: the check holds at the moment of the delete.
    wish.if_generation_match = object.generation();
    wish.if_metageneration_match = object.metageneration();
  }
  RETURN_IF_ERROR(
      parts_.store->DeleteObject(request.route.bucket, request.route.object, generation, wish));
  return EmptyResponse(204);
}

}  // namespace hodei::wire::gcs
