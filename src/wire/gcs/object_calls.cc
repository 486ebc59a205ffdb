// Calls about objects, except their bytes.
#include <fmt/format.h>

#include "base/encoding.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/object_resource.h"
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

Result<std::string> RequiredString(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || !it->is_string()) {
    return InvalidArgument(fmt::format("Required parameter: {}", name)).WithReason("required");
  }
  return it->get<std::string>();
}

// A generation in a body: a string by the book, a number from some.
Result<std::optional<int64_t>> ReadGeneration(const Json& json, const char* name) {
  const auto it = json.find(name);
  if (it == json.end() || it->is_null()) return std::optional<int64_t>();
  std::optional<int64_t> value;
  if (it->is_string()) value = ParseInt64(it->get_ref<const std::string&>());
  if (it->is_number_integer()) value = it->get<int64_t>();
  if (!value) {
    return InvalidArgument(fmt::format("Invalid value for field '{}'.", name))
        .WithReason("invalid");
  }
  return value;
}

Result<std::vector<store::ComposeSource>> ReadSources(const Json& json) {
  const auto list = json.find("sourceObjects");
  if (list == json.end() || !list->is_array()) {
    return InvalidArgument("Required parameter: sourceObjects").WithReason("required");
  }
  std::vector<store::ComposeSource> sources;
  for (const Json& item : *list) {
    if (!item.is_object()) {
      return InvalidArgument("Invalid value for field 'sourceObjects'.").WithReason("invalid");
    }
    store::ComposeSource source;
    ASSIGN_OR_RETURN(source.name, RequiredString(item, "name"));
    ASSIGN_OR_RETURN(source.generation, ReadGeneration(item, "generation"));
    const auto wish = item.find("objectPreconditions");
    if (wish != item.end() && wish->is_object()) {
      ASSIGN_OR_RETURN(source.if_generation_match, ReadGeneration(*wish, "ifGenerationMatch"));
    }
    sources.push_back(std::move(source));
    if (sources.size() > store::kComposeSourceLimit) break;  // the store says how many are too many
  }
  return sources;
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
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.get").status());
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  ASSIGN_OR_RETURN(
      const Object object,
      parts_.store->GetObject(request.route.bucket, request.route.object, generation, wish));
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
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.update").status());
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  const bool merge = request.route.call == Call::kPatchObject;
  ASSIGN_OR_RETURN(
      const Object object,
      parts_.store->UpdateObject(request.route.bucket, request.route.object, generation, wish,
                                 [&](Object* edited) { return ReadObject(json, merge, edited); }));
  return ObjectResponse(request, object, /*full_by_default=*/true);
}

GcsApi::Response GcsApi::DeleteObject(const Request& request) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.delete").status());
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  RETURN_IF_ERROR(
      parts_.store->DeleteObject(request.route.bucket, request.route.object, generation, wish));
  return EmptyResponse(204);
}

GcsApi::Response GcsApi::Compose(const Request& request, std::string_view body) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.create").status());
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.get").status());
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  ASSIGN_OR_RETURN(const std::vector<store::ComposeSource> sources, ReadSources(json));
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  Object destination;
  // Hashes in it are those of the first source, copied along by clients: not looked at.
  if (const auto it = json.find("destination"); it != json.end() && it->is_object()) {
    RETURN_IF_ERROR(ReadObject(*it, /*merge=*/false, &destination));
  }
  destination.set_bucket(request.route.bucket);
  destination.set_name(request.route.object);
  ASSIGN_OR_RETURN(const Object object, parts_.store->ComposeObject(destination, sources, wish));
  return ObjectResponse(request, object);
}

GcsApi::Response GcsApi::Copy(const Request& request, std::string_view body) const {
  const Route& route = request.route;
  RETURN_IF_ERROR(Allow(request, route.bucket, "storage.objects.get").status());
  RETURN_IF_ERROR(Allow(request, route.destination_bucket, "storage.objects.create").status());
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  store::CopySource source{route.bucket, route.object, std::nullopt, {}};
  ASSIGN_OR_RETURN(source.generation, request.query.Number("sourceGeneration"));
  ASSIGN_OR_RETURN(source.preconditions, request.SourcePreconditions());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  std::optional<Object> metadata;
  if (!json.empty()) RETURN_IF_ERROR(ReadObject(json, /*merge=*/false, &metadata.emplace()));
  ASSIGN_OR_RETURN(const Object object,
                   parts_.store->CopyObject(source, route.destination_bucket,
                                            route.destination_object, metadata, wish));
  if (route.call == Call::kCopy) return ObjectResponse(request, object);
  std::string text;
  {
    JsonObjectWriter writer(request.fields, &text);
    writer.String("kind", "storage#rewriteResponse");
    writer.NumberText("totalBytesRewritten", static_cast<int64_t>(object.size()));
    writer.NumberText("objectSize", static_cast<int64_t>(object.size()));
    writer.Bool("done", true);
    if (const FieldSelection* resource = writer.Begin("resource")) {
      PrintObject(object, request.Context(), *resource, &text);
    }
  }
  return JsonResponse(std::move(text));
}

GcsApi::Response GcsApi::Move(const Request& request, std::string_view body) const {
  const Route& route = request.route;
  for (const char* permission :
       {"storage.objects.get", "storage.objects.create", "storage.objects.delete"}) {
    RETURN_IF_ERROR(Allow(request, route.bucket, permission).status());
  }
  RETURN_IF_ERROR(ParseJsonObject(body).status());
  store::CopySource source{route.bucket, route.object, std::nullopt, {}};
  ASSIGN_OR_RETURN(source.generation, request.query.Number("sourceGeneration"));
  ASSIGN_OR_RETURN(source.preconditions, request.SourcePreconditions());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  ASSIGN_OR_RETURN(const Object object,
                   parts_.store->MoveObject(source, route.destination_object, wish));
  return ObjectResponse(request, object);
}

}  // namespace hodei::wire::gcs
