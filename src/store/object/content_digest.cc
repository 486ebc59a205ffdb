#include "store/object/content_digest.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <cstdlib>

namespace hodei::store {
namespace {

// Looking the algorithm up costs more than hashing a small object does.
EVP_MAC* Gmac() {
  static EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "GMAC", nullptr);
  return mac;
}

// OpenSSL fails here only without memory.
void Require(bool fine) {
  if (!fine) std::abort();
}

}  // namespace

struct ContentDigest::Context {
  EVP_MAC_CTX* mac = EVP_MAC_CTX_new(Gmac());
  ~Context() { EVP_MAC_CTX_free(mac); }
};

ContentDigest::ContentDigest(std::string_view key) : context_(std::make_unique<Context>()) {
  // One nonce for all: digests of one key are compared with each other and shown to nobody.
  unsigned char nonce[12] = {};
  char cipher[] = "AES-128-GCM";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0),
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_IV, nonce, sizeof nonce),
      OSSL_PARAM_construct_end()};
  Require(context_->mac != nullptr && key.size() == kContentKeyBytes);
  Require(EVP_MAC_init(context_->mac, reinterpret_cast<const unsigned char*>(key.data()),
                       key.size(), parameters) == 1);
}

ContentDigest::~ContentDigest() = default;
ContentDigest::ContentDigest(ContentDigest&&) noexcept = default;
ContentDigest& ContentDigest::operator=(ContentDigest&&) noexcept = default;

void ContentDigest::Update(std::string_view bytes) {
  if (bytes.empty()) return;
  Require(EVP_MAC_update(context_->mac, reinterpret_cast<const unsigned char*>(bytes.data()),
                         bytes.size()) == 1);
}

std::string ContentDigest::Final() {
  std::string digest(kContentDigestBytes, '\0');
  size_t size = 0;
  Require(EVP_MAC_final(context_->mac, reinterpret_cast<unsigned char*>(digest.data()), &size,
                        digest.size()) == 1 &&
          size == digest.size());
  context_.reset();
  return digest;
}

}  // namespace hodei::store
