// One Cloud Storage request, understood: who, which call, with which parameters.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"
#include "domain/access/principal.h"
#include "net/http_message.h"
#include "store/object/object_store.h"
#include "wire/gcs/object_resource.h"
#include "wire/gcs/query.h"
#include "wire/gcs/route.h"

namespace hodei::wire::gcs {

struct Request {
  std::string method;       // after X-HTTP-Method-Override
  std::string sent_method;  // before
  std::string path;         // raw
  std::string raw_query;
  std::string host;  // as received, with its port
  // The path and query name no bucket: the host did ("BUCKET.storage.googleapis.com").
  bool virtual_host = false;
  net::Headers headers;
  Route route;
  Query query;
  std::string base_url;       // "http://host:port"
  bool amazon_words = false;  // an S3 client: answer x-amz-meta-…
  // The caller came with a signed URL: what it starts may be gone on with by whoever has the
  // session's own URL, which has no room for a credential.
  bool by_signed_url = false;
  access::Principal principal;  // set after authentication
  bool xml = false;             // answer errors in XML
  FieldSelection fields;

  // Preconditions from the parameters, or the x-goog-if-… headers of the XML API.
  Result<store::Preconditions> Preconditions() const;
  // ifSourceGenerationMatch … of copies.
  Result<store::Preconditions> SourcePreconditions() const;
  Result<std::optional<int64_t>> Generation() const { return query.Number("generation"); }
  PrintContext Context(bool full_by_default = false) const;
  // FAILED_PRECONDITION "conditionNotMet" when an If-Match header is not about `etag`.
  Status CheckIfMatch(std::string_view etag) const;
  // The predefinedAcl parameter, or the XML API's x-goog-acl header.
  std::string_view PredefinedAcl() const;
  // Whose upload sessions this caller may start and go on with.
  std::string_view SessionOwner() const;
};

// Everything but the principal. INVALID_ARGUMENT for a path, query or field list that cannot be.
// Below the names of `virtual_host_bases` buckets have hosts of their own.
Status ParseRequest(const net::RequestHead& head, std::span<const std::string> virtual_host_bases,
                    Request* request);

// The bucket that a Host names below one of `bases`, or empty: "b" for "b.localhost:8080".
std::string VirtualBucket(std::string_view host, std::span<const std::string> bases);

// 200 application/json.
net::HttpResponse JsonResponse(std::string body);
net::HttpResponse EmptyResponse(int status);

}  // namespace hodei::wire::gcs
