#include "wire/gcs/request.h"

#include <fmt/format.h>

#include "base/ascii.h"
#include "wire/gcs/gcs_error.h"

namespace hodei::wire::gcs {
namespace {

Status ReadHeader(const net::Headers& headers, std::string_view name,
                  std::optional<int64_t>* value) {
  const std::string_view text = headers.Get(name);
  if (text.empty()) return OkStatus();
  *value = ParseInt64(text);
  if (!*value) {
    return InvalidArgument(fmt::format("Invalid value for header {}.", name))
        .WithReason("invalidParameter");
  }
  return OkStatus();
}

}  // namespace

Result<store::Preconditions> Request::Preconditions() const {
  store::Preconditions out;
  ASSIGN_OR_RETURN(out.if_generation_match, query.Number("ifGenerationMatch"));
  ASSIGN_OR_RETURN(out.if_generation_not_match, query.Number("ifGenerationNotMatch"));
  ASSIGN_OR_RETURN(out.if_metageneration_match, query.Number("ifMetagenerationMatch"));
  ASSIGN_OR_RETURN(out.if_metageneration_not_match, query.Number("ifMetagenerationNotMatch"));
  RETURN_IF_ERROR(ReadHeader(headers, "x-goog-if-generation-match", &out.if_generation_match));
  RETURN_IF_ERROR(
      ReadHeader(headers, "x-goog-if-metageneration-match", &out.if_metageneration_match));
  return out;
}

Result<store::Preconditions> Request::SourcePreconditions() const {
  store::Preconditions out;
  ASSIGN_OR_RETURN(out.if_generation_match, query.Number("ifSourceGenerationMatch"));
  ASSIGN_OR_RETURN(out.if_generation_not_match, query.Number("ifSourceGenerationNotMatch"));
  ASSIGN_OR_RETURN(out.if_metageneration_match, query.Number("ifSourceMetagenerationMatch"));
  ASSIGN_OR_RETURN(out.if_metageneration_not_match, query.Number("ifSourceMetagenerationNotMatch"));
  return out;
}

PrintContext Request::Context(bool full_by_default) const {
  const std::string& projection = query.Get("projection");
  return {base_url, projection.empty() ? full_by_default : projection == "full",
          headers.Has("x-goog-encryption-key")};
}

Status Request::CheckIfMatch(std::string_view etag) const {
  std::string_view wanted = headers.Get("If-Match");
  if (wanted.size() >= 2 && wanted.front() == '"') wanted = wanted.substr(1, wanted.size() - 2);
  if (wanted.empty() || wanted == "*" || wanted == etag) return OkStatus();
  return FailedPrecondition("At least one of the pre-conditions you specified did not hold.")
      .WithReason("conditionNotMet");
}

std::string_view Request::PredefinedAcl() const {
  const std::string& parameter = query.Get("predefinedAcl");
  return parameter.empty() && xml ? headers.Get("x-goog-acl") : std::string_view(parameter);
}

std::string_view Request::SessionOwner() const {
  // No e-mail: no account can be this one.
  constexpr std::string_view kBearerOfSession = "bearer-of-the-session-url";
  // The emulator asks nobody who they are, neither at the start nor later.
  if (principal.emulator) return principal.email;
  return by_signed_url || principal.anonymous ? kBearerOfSession
                                              : std::string_view(principal.email);
}

std::string VirtualBucket(std::string_view host, std::span<const std::string> bases) {
  const size_t colon = host.rfind(':');
  std::string name = AsciiLower(host.substr(0, colon));
  for (const std::string& base : bases) {
    if (name.size() <= base.size() + 1 || !name.ends_with(base)) continue;
    const size_t dot = name.size() - base.size() - 1;
    if (name[dot] != '.') continue;
    const std::string_view bucket = std::string_view(name).substr(0, dot);
    const bool plain = bucket.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") ==
                       std::string_view::npos;
    return plain ? std::string(bucket) : std::string();
  }
  return {};
}

Status ParseRequest(const net::RequestHead& head, std::span<const std::string> virtual_host_bases,
                    Request* request) {
  request->method = head.method;
  request->sent_method = head.method;
  request->raw_query = std::string(head.query());
  request->host = head.host;
  const std::string_view over = head.headers.Get("X-HTTP-Method-Override");
  if (head.method == "POST" && !over.empty()) request->method = std::string(over);
  request->path = std::string(head.path());
  request->headers = head.headers;
  request->base_url = fmt::format("{}://{}", head.peer.tls ? "https" : "http",
                                  head.host.empty() ? "localhost" : head.host);
  // Told apart before anything can fail, so that the error speaks the right dialect.
  const std::string bucket = VirtualBucket(head.host, virtual_host_bases);
  request->virtual_host = !bucket.empty();
  request->xml = request->virtual_host || !IsStorageRoot(request->path);
  if (request->virtual_host) {
    ASSIGN_OR_RETURN(request->route, ParseVirtualRoute(bucket, request->path));
  } else {
    ASSIGN_OR_RETURN(request->route, ParseRoute(request->method, request->path));
  }
  ASSIGN_OR_RETURN(request->query, Query::Parse(head.query()));
  const Result<FieldSelection> fields = FieldSelection::Parse(request->query.Get("fields"));
  if (!fields.ok()) return Status(fields.status()).WithReason("invalidParameter");
  request->fields = *fields;
  return OkStatus();
}

net::HttpResponse JsonResponse(std::string body) {
  net::HttpResponse response;
  response.headers.Add("Content-Type", "application/json; charset=UTF-8");
  response.headers.Add("Cache-Control", "no-cache, no-store, max-age=0, must-revalidate");
  Harden(&response);
  response.body = std::move(body);
  return response;
}

net::HttpResponse EmptyResponse(int status) {
  net::HttpResponse response;
  response.status = status;
  Harden(&response);
  return response;
}

}  // namespace hodei::wire::gcs
