// The server's side of TLS: versions, certificate and key as an OpenSSL context.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "base/status.h"
#include "net/http_server.h"

namespace hodei::net {

// INVALID_ARGUMENT when the PEM texts are malformed or do not belong together.
Result<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(const TlsFiles& tls);

}  // namespace hodei::net
