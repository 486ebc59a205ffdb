#include "wire/gcs/request.h"

#include <fmt/format.h>

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
  return {base_url, projection.empty() ? full_by_default : projection == "full"};
}

Status ParseRequest(const net::RequestHead& head, Request* request) {
  request->method = head.method;
  const std::string_view over = head.headers.Get("X-HTTP-Method-Override");
  if (head.method == "POST" && !over.empty()) request->method = std::string(over);
  request->path = std::string(head.path());
  request->headers = head.headers;
  request->base_url = fmt::format("{}://{}", head.peer.tls ? "https" : "http",
                                  head.host.empty() ? "localhost" : head.host);
  // Told apart before anything can fail, so that the error speaks the right dialect.
  request->xml = !IsStorageRoot(request->path);
  ASSIGN_OR_RETURN(request->route, ParseRoute(request->method, request->path));
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
