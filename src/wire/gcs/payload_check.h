// Lets a request through to its handler's end only when its body has the promised hash.
#pragma once

#include <memory>
#include <string>

#include "net/http_server.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

// `sha256_hex` in lower case.
std::unique_ptr<net::RequestHandler> CheckPayload(std::unique_ptr<net::RequestHandler> handler,
                                                  std::shared_ptr<const Request> request,
                                                  std::string sha256_hex);

}  // namespace hodei::wire::gcs
