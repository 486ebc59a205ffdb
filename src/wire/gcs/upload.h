// Uploads: bodies that stream into the store. All kinds: simple, multipart, resumable, and the XML
// API's PUT.
#pragma once

#include <memory>

#include "net/http_server.h"
#include "wire/gcs/gcs_api.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

// True when the body of the request is object bytes, or it speaks to an upload session.
bool IsUpload(const Request& request);
// The handler of such a request. `api` must outlive it.
std::unique_ptr<net::RequestHandler> StartUpload(const GcsApi& api,
                                                 std::shared_ptr<Request> request,
                                                 const net::RequestHead& head);

// What the headers of an XML request say about the object: content headers, x-goog-meta-*,
// x-goog-storage-class.
Status ReadXmlHeaders(const net::Headers& headers, google::storage::v1::Object* object);

}  // namespace hodei::wire::gcs
