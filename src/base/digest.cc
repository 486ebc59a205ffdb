#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "base/encoding.h"

namespace hodei {
std::string Sha256(std::string_view bytes) {
  DigestStream stream(DigestStream::Kind::kSha256);
  stream.Update(bytes);
  return stream.Final();
}

std::string Sha256Hex(std::string_view bytes) { return HexEncode(Sha256(bytes)); }

namespace {

std::string Hmac(const EVP_MD* md, std::string_view key, std::string_view bytes) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (HMAC(md, key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
           reinterpret_cast<unsigned char*>(out.data()), &size) == nullptr) {
    std::abort();
  }
  out.resize(size);
  return out;
}

}  // namespace

std::string HmacSha256(std::string_view key, std::string_view bytes) {
  return Hmac(EVP_sha256(), key, bytes);
}

std::string HmacSha1(std::string_view key, std::string_view bytes) {
  return Hmac(EVP_sha1(), key, bytes);
}

struct DigestStream::Context {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(md); }
};

DigestStream::DigestStream(Kind kind) : context_(std::make_unique<Context>()) {
  const EVP_MD* md = kind == Kind::kMd5 ? EVP_md5() : EVP_sha256();
  if (EVP_DigestInit_ex(context_->md, md, nullptr) != 1) std::abort();
}
DigestStream::~DigestStream() = default;
DigestStream::DigestStream(DigestStream&&) noexcept = default;
DigestStream& DigestStream::operator=(DigestStream&&) noexcept = default;

void DigestStream::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_->md, bytes.data(), bytes.size()) != 1) std::abort();
}

std::string DigestStream::Final() {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context_->md, reinterpret_cast<unsigned char*>(out.data()), &size) != 1) {
    std::abort();
  }
  out.resize(size);
  return out;
}

}  // namespace hodei
