// One Cloud Storage request, understood: who, which call, with which parameters.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"
#include "domain/access/principal.h"
#include "net/http_message.h"
#include "store/object/object_store.h"
#include "wire/gcs/object_resource.h"
#include "wire/gcs/query.h"
#include "wire/gcs/route.h"

namespace hodei::wire::gcs {

struct Request {
  std::string method;  // after X-HTTP-Method-Override
  std::string path;    // raw
  net::Headers headers;
  Route route;
  Query query;
  std::string base_url;         // "http://host:port"
  access::Principal principal;  // set after authentication
  bool xml = false;             // answer errors in XML
  FieldSelection fields;

  // Preconditions from the parameters, or the x-goog-if-… headers of the XML API.
  Result<store::Preconditions> Preconditions() const;
  // ifSourceGenerationMatch … of copies.
  Result<store::Preconditions> SourcePreconditions() const;
  Result<std::optional<int64_t>> Generation() const { return query.Number("generation"); }
  PrintContext Context(bool full_by_default = false) const;
};

// Everything but the principal. INVALID_ARGUMENT for a path, query or field list that cannot be.
Status ParseRequest(const net::RequestHead& head, Request* request);

// 200 application/json.
net::HttpResponse JsonResponse(std::string body);
net::HttpResponse EmptyResponse(int status);

}  // namespace hodei::wire::gcs
