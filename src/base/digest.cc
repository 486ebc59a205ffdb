#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "base/encoding.h"

namespace hodei {
namespace {

// Looked up once in a process: by EVP_sha256() OpenSSL 3 looks it up again for every digest, which
// takes longer than the digest of a short text. Never freed.
const EVP_MD* Fetch(const char* name) {
  const EVP_MD* md = EVP_MD_fetch(nullptr, name, nullptr);
  if (md == nullptr) std::abort();
  return md;
}

const EVP_MD* Sha256Kind() {
  static const EVP_MD* const kind = Fetch("SHA256");
  return kind;
}

const EVP_MD* Md5Kind() {
  static const EVP_MD* const kind = Fetch("MD5");
  return kind;
}

struct DigestContext {
  EVP_MD_CTX* md = EVP_MD_CTX_new();
  DigestContext() = default;
  ~DigestContext() { EVP_MD_CTX_free(md); }
  DigestContext(const DigestContext&) = delete;
  DigestContext& operator=(const DigestContext&) = delete;
};

std::string FinalOf(EVP_MD_CTX* context) {
  unsigned char out[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_DigestFinal_ex(context, out, &size) != 1) std::abort();
  return std::string(reinterpret_cast<const char*>(out), size);
}

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

struct DigestStream::Context : DigestContext {};

DigestStream::DigestStream(Kind kind) : context_(std::make_unique<Context>()) {
  const EVP_MD* md = kind == Kind::kMd5 ? Md5Kind() : Sha256Kind();
  if (EVP_DigestInit_ex(context_->md, md, nullptr) != 1) std::abort();
}
DigestStream::~DigestStream() = default;
DigestStream::DigestStream(DigestStream&&) noexcept = default;
DigestStream& DigestStream::operator=(DigestStream&&) noexcept = default;

void DigestStream::Update(std::string_view bytes) {
  if (EVP_DigestUpdate(context_->md, bytes.data(), bytes.size()) != 1) std::abort();
}

std::string DigestStream::Final() { return FinalOf(context_->md); }

std::string Sha256(std::string_view bytes) {
  // Every request's token is looked up by its digest: a context of its own each time would cost
  // more than the digest.
  thread_local const DigestContext context;
  if (EVP_DigestInit_ex(context.md, Sha256Kind(), nullptr) != 1 ||
      EVP_DigestUpdate(context.md, bytes.data(), bytes.size()) != 1) {
    std::abort();
  }
  return FinalOf(context.md);
}

std::string Sha256Hex(std::string_view bytes) { return HexEncode(Sha256(bytes)); }

}  // namespace hodei
