#include "net/tls_context.h"

#include <openssl/ssl.h>

#include <boost/asio/buffer.hpp>
#include <exception>
#include <string_view>

namespace hodei::net {
namespace {

// Clients that offer h2 first must learn that HTTP/1.1 is what they get (RFC 7301).
int ChooseProtocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* offered, unsigned int offered_size, void* /*arg*/) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof(kHttp11), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<std::shared_ptr<boost::asio::ssl::context>> MakeTlsContext(const TlsFiles& tls) {
  namespace ssl = boost::asio::ssl;
  try {
    auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
    SSL_CTX* native = context->native_handle();
    SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
    SSL_CTX_set_options(
        native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(native, ChooseProtocol, nullptr);
    context->use_certificate_chain(boost::asio::buffer(tls.certificate_chain_pem));
    context->use_private_key(boost::asio::buffer(tls.private_key_pem), ssl::context::pem);
    if (SSL_CTX_check_private_key(native) != 1) {
      return InvalidArgument("TLS: the private key does not belong to the certificate");
    }
    return context;
  } catch (const std::exception& error) {
    return InvalidArgument(std::string("TLS certificate or key: ") + error.what());
  }
}

}  // namespace hodei::net
