// One part of a batch: an HTTP request inside a multipart body.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "net/http_message.h"

namespace hodei::wire::gcs {

struct BatchedRequest {
  net::RequestHead head;
  std::string body;
};

// Reads "GET /storage/v1/b/x HTTP/1.1\r\nName: value\r\n\r\nbody": line ends CRLF or LF, version
// optional, target absolute or not. INVALID_ARGUMENT otherwise.
Result<BatchedRequest> ParseBatchedRequest(std::string_view text);

}  // namespace hodei::wire::gcs
