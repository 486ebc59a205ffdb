// Errors as the services of Google write them:
//   {"error": {"code": 404, "message": "…", "status": "NOT_FOUND", "details": [BadRequest …]}}
#pragma once

#include <string>

#include "base/status.h"
#include "net/http_message.h"

namespace hodei::wire::rest {

// The body alone. Violations become a google.rpc.BadRequest detail, a reason an ErrorInfo.
std::string ErrorBody(const Status& status, bool pretty);

// The whole answer: status code, JSON body, and with 401 the WWW-Authenticate header.
net::HttpResponse ErrorResponse(const Status& status, bool pretty);

// The same for an HTTP status that the transport decided on (413, 431 …).
net::HttpResponse ErrorResponse(int http_status, const std::string& message, bool pretty);

// A JSON answer with the headers that all of them have.
net::HttpResponse JsonResponse(int http_status, std::string body);

// What a client is told: internal errors are not explained beyond the request's id, under which the
// log has the whole chain.
Status ForClient(const Status& status, const std::string& request_id);

}  // namespace hodei::wire::rest
