// Server-side copies: compose, copy, rewrite, move and restore. No bytes travel.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/customer_key.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/object_resource.h"
#include "wire/gcs/predefined_acl.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {
namespace {

constexpr int64_t kRewriteStepBytes = 1 << 20;  // maxBytesRewrittenPerCall is a multiple of it

net::HttpResponse ObjectResponse(const Request& request, const Object& object) {
  std::string body;
  PrintObject(object, request.Context(), request.fields, &body);
  return JsonResponse(std::move(body));
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

// How far a rewrite has come. Nothing is kept between calls: the token says which rewrite it is and
// how many bytes count as done. It grants nothing, so it is not signed.
struct RewriteProgress {
  std::string rewrite;  // a digest of what is copied where
  int64_t done_bytes = 0;
};

std::string NameRewrite(const Route& route, int64_t generation) {
  std::string text;
  for (const std::string_view part :
       {std::string_view(route.bucket), std::string_view(route.object),
        std::string_view(route.destination_bucket), std::string_view(route.destination_object)}) {
    text.append(std::to_string(part.size())).append(":").append(part);
  }
  return Sha256Hex(text + std::to_string(generation)).substr(0, 32);
}

Result<int64_t> ReadRewriteToken(const std::string& token, const std::string& rewrite) {
  if (token.empty()) return int64_t{0};
  const Status bad = InvalidArgument("Invalid rewrite token.").WithReason("invalid");
  const Result<std::string> text = Base64Decode(token);
  if (!text.ok() || text->size() < 34 || !text->starts_with(rewrite + ".")) return bad;
  const std::optional<int64_t> done = ParseInt64(std::string_view(*text).substr(33));
  if (!done || *done <= 0 || *done % kRewriteStepBytes != 0) return bad;
  return *done;
}

// Bytes that one call may rewrite; 0: as many as there are.
Result<int64_t> ReadBytesPerCall(const Query& query) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> limit, query.Number("maxBytesRewrittenPerCall"));
  if (!limit || *limit == 0) return int64_t{0};
  if (*limit < 0 || *limit % kRewriteStepBytes != 0) {
    return InvalidArgument("maxBytesRewrittenPerCall must be an integral multiple of 1 MiB.")
        .WithReason("invalid");
  }
  return *limit;
}

void PrintRewrite(const Request& request, int64_t done, int64_t size, const std::string& token,
                  const Object* object, std::string* text) {
  JsonObjectWriter writer(request.fields, text);
  writer.String("kind", "storage#rewriteResponse");
  writer.NumberText("totalBytesRewritten", done);
  writer.NumberText("objectSize", size);
  writer.Bool("done", object != nullptr);
  writer.NonEmpty("rewriteToken", token);
  if (object == nullptr) return;
  if (const FieldSelection* resource = writer.Begin("resource")) {
    PrintObject(*object, request.Context(), *resource, text);
  }
}

// What the copy will be: the source's metadata or the body's, never the source's access list.
Result<Object> CopyMetadata(const Request& request, const Json& json, const Object& source,
                            const Bucket& destination) {
  Object metadata;
  if (json.empty()) {
    metadata = source;
    metadata.mutable_settings()->erase("acl");
    metadata.mutable_settings()->erase("retention");
    metadata.clear_temporary_hold();
    metadata.clear_event_based_hold();
    // A copy is of the class of the bucket it goes to.
    metadata.clear_storage_class();
  } else {
    RETURN_IF_ERROR(ReadObject(json, /*merge=*/false, &metadata));
  }
  std::string_view acl = request.query.Get("destinationPredefinedAcl");
  RETURN_IF_ERROR(ApplyObjectAcl(destination, acl, &metadata));
  return metadata;
}

}  // namespace

GcsApi::Response GcsApi::Compose(const Request& request, std::string_view body) const {
  ASSIGN_OR_RETURN(const Bucket bucket,
                   Allow(request, request.route.bucket, "storage.objects.create"));
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
  RETURN_IF_ERROR(
      ApplyObjectAcl(bucket, request.query.Get("destinationPredefinedAcl"), &destination));
  RETURN_IF_ERROR(TakeCustomerKey(request.headers, &destination));
  for (const store::ComposeSource& source : sources) {
    const Result<Object> component =
        parts_.store->GetObject(request.route.bucket, source.name, source.generation);
    if (!component.ok()) continue;  // the store says what is wrong with it
    RETURN_IF_ERROR(CheckCustomerKey(request.headers, kCustomerKey, *component));
  }
  ASSIGN_OR_RETURN(const Object object, parts_.store->ComposeObject(destination, sources, wish));
  return ObjectResponse(request, object);
}

GcsApi::Response GcsApi::Copy(const Request& request, std::string_view body) const {
  const Route& route = request.route;
  store::CopySource source{route.bucket, route.object, std::nullopt, {}};
  ASSIGN_OR_RETURN(source.generation, request.query.Number("sourceGeneration"));
  RETURN_IF_ERROR(AllowRead(request, route.bucket, route.object, source.generation).status());
  ASSIGN_OR_RETURN(const Bucket destination,
                   Allow(request, route.destination_bucket, "storage.objects.create"));
  ASSIGN_OR_RETURN(const Json json, ParseJsonObject(body));
  ASSIGN_OR_RETURN(source.preconditions, request.SourcePreconditions());
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  ASSIGN_OR_RETURN(const Object from,
                   parts_.store->GetObject(source.bucket, source.name, source.generation));
  // The metadata belongs to this generation, so the bytes must too.
  source.generation = from.generation();
  RETURN_IF_ERROR(CheckCustomerKey(request.headers, kSourceCustomerKey, from));
  ASSIGN_OR_RETURN(Object metadata, CopyMetadata(request, json, from, destination));
  RETURN_IF_ERROR(TakeCustomerKey(request.headers, &metadata));
  if (route.call == Call::kRewrite) {
    ASSIGN_OR_RETURN(const int64_t per_call, ReadBytesPerCall(request.query));
    const std::string rewrite = NameRewrite(route, from.generation());
    ASSIGN_OR_RETURN(int64_t done, ReadRewriteToken(request.query.Get("rewriteToken"), rewrite));
    const int64_t size = static_cast<int64_t>(from.size());
    if (per_call > 0 && done + per_call < size) {
      done += per_call;
      std::string text;
      PrintRewrite(request, done, size, Base64UrlEncode(fmt::format("{}.{}", rewrite, done)),
                   nullptr, &text);
      return JsonResponse(std::move(text));
    }
  }
  ASSIGN_OR_RETURN(const Object object,
                   parts_.store->CopyObject(source, route.destination_bucket,
                                            route.destination_object, metadata, wish));
  if (route.call == Call::kCopy) return ObjectResponse(request, object);
  std::string text;
  const int64_t size = static_cast<int64_t>(object.size());
  PrintRewrite(request, size, size, "", &object, &text);
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

GcsApi::Response GcsApi::Restore(const Request& request) const {
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.create").status());
  RETURN_IF_ERROR(Allow(request, request.route.bucket, "storage.objects.get").status());
  ASSIGN_OR_RETURN(const std::optional<int64_t> generation, request.Generation());
  if (!generation) {
    return InvalidArgument("Required parameter: generation").WithReason("required");
  }
  ASSIGN_OR_RETURN(const store::Preconditions wish, request.Preconditions());
  ASSIGN_OR_RETURN(
      const Object object,
      parts_.store->RestoreObject(request.route.bucket, request.route.object, *generation, wish));
  return ObjectResponse(request, object);
}

}  // namespace hodei::wire::gcs
