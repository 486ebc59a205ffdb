// The server's side of TLS: versions, certificate and key as an OpenSSL context.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "base/status.h"
#include "net/http_server.h"
#include "net/name_certificates.h"

namespace hodei::net {

// INVALID_ARGUMENT when the PEM texts are malformed or do not belong together.
Result<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(const TlsFiles& tls);

// A context that serves each connection with the certificate of the name it asks for, made at the
// first use and kept for a while. Names outside the zones are refused within the handshake.
Result<std::shared_ptr<boost::asio::ssl::context>> MakeNamedTlsContext(
    std::shared_ptr<const NameCertificates> certificates);

}  // namespace hodei::net
