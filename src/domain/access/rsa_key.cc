#include "domain/access/rsa_key.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>

namespace hodei::access {
namespace {

template <auto kFree>
struct FreeWith {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, FreeWith<BIO_free_all>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, FreeWith<EVP_MD_CTX_free>>;

// The library keeps a queue of errors per thread; what stays in it would be blamed on others.
template <typename T>
T AndForgetErrors(T value) {
  ERR_clear_error();
  return value;
}

std::string BioText(BIO* bio) {
  char* start = nullptr;
  const long size = BIO_get_mem_data(bio, &start);
  return std::string(start, static_cast<size_t>(size));
}

int NoPassphrase(char*, int, int, void*) { return -1; }

Result<Key> ParsePrivate(const Secret& pem) {
  const std::string& text = pem.Reveal();
  Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    return AndForgetErrors(InvalidArgument("not an RSA private key in PEM form"));
  }
  return key;
}

Result<std::string> PrintPublic(EVP_PKEY* key) {
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PUBKEY(bio.get(), key) != 1) {
    return AndForgetErrors(Internal("write a public key as PEM"));
  }
  return BioText(bio.get());
}

}  // namespace

Result<RsaKeyPair> GenerateRsaKey() {
  Key key(EVP_RSA_gen(kRsaKeyBits));
  if (key == nullptr) return AndForgetErrors(Internal("generate an RSA key"));
  Bio bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
      1) {
    return AndForgetErrors(Internal("write a private key as PEM"));
  }
  RsaKeyPair pair;
  pair.private_key_pem = Secret(BioText(bio.get()));
  ASSIGN_OR_RETURN(pair.public_key_pem, PrintPublic(key.get()));
  return pair;
}

Result<std::string> SignRs256(const Secret& private_key_pem, std::string_view bytes) {
  ASSIGN_OR_RETURN(const Key key, ParsePrivate(private_key_pem));
  const DigestContext context(EVP_MD_CTX_new());
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key.get())), '\0');
  size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                     bytes.size()) != 1) {
    return AndForgetErrors(Internal("sign with an RSA key"));
  }
  signature.resize(size);
  return signature;
}

Status VerifyRs256(std::string_view public_key_pem, std::string_view bytes,
                   std::string_view signature) {
  const Status refused = Unauthenticated("the signature does not match");
  Bio bio(BIO_new_mem_buf(public_key_pem.data(), static_cast<int>(public_key_pem.size())));
  const Key key(PEM_read_bio_PUBKEY(bio.get(), nullptr, NoPassphrase, nullptr));
  // The algorithm belongs to the key: a key of another sort verifies nothing (T2).
  if (key == nullptr || EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA ||
      EVP_PKEY_get_bits(key.get()) < kRsaKeyBits) {
    return AndForgetErrors(refused);
  }
  const DigestContext context(EVP_MD_CTX_new());
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                       bytes.size()) == 1;
  return AndForgetErrors(good ? OkStatus() : refused);
}

Result<std::string> PublicHalf(const Secret& private_key_pem) {
  ASSIGN_OR_RETURN(const Key key, ParsePrivate(private_key_pem));
  return PrintPublic(key.get());
}

}  // namespace hodei::access
