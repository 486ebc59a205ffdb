// Signatures that a careless verifier takes (T2): each is made here, from a key of this run, by
// raising a wrong or odd encoding to the private exponent, or by bending a right signature.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <memory>
#include <string>
#include <vector>

#include "domain/access/rsa_key.h"

namespace hodei::access {
namespace {

constexpr std::string_view kText = "header.payload";
constexpr size_t kSize = kRsaKeyBits / 8;
// DigestInfo of SHA-256 up to the digest (RFC 8017, 9.2, note 1).
const std::string kSha256Info = "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05" +
                                std::string("\x00\x04\x20", 3);

std::string Digest(std::string_view text) {
  std::string digest(32, '\0');
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), nullptr,
             EVP_sha256(), nullptr);
  return digest;
}

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key MakeKey(unsigned bits, unsigned long exponent) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr);
  EVP_PKEY_keygen_init(context);
  EVP_PKEY_CTX_set_rsa_keygen_bits(context, static_cast<int>(bits));
  BIGNUM* e = BN_new();
  BN_set_word(e, exponent);
  EVP_PKEY_CTX_set1_rsa_keygen_pubexp(context, e);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_generate(context, &key);
  BN_free(e);
  EVP_PKEY_CTX_free(context);
  return {key, EVP_PKEY_free};
}

std::string PublicPem(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, key);
  char* start = nullptr;
  const long size = BIO_get_mem_data(bio, &start);
  std::string pem(start, static_cast<size_t>(size));
  BIO_free_all(bio);
  return pem;
}

// The signature whose padded message is exactly `encoded`.
std::string SignEncoded(EVP_PKEY* key, const std::string& encoded) {
  EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key, nullptr);
  EVP_PKEY_sign_init(context);
  EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING);
  std::string signature(encoded.size(), '\0');
  size_t size = signature.size();
  const int made =
      EVP_PKEY_sign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                    reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size());
  EVP_PKEY_CTX_free(context);
  EXPECT_EQ(made, 1);
  return signature;
}

// EMSA-PKCS1-v1_5 around `info` (RFC 8017, 9.2).
std::string Encode(const std::string& info, char block_type = '\x01', char fill = '\xff',
                   size_t size = kSize) {
  return std::string("\0", 1) + block_type + std::string(size - info.size() - 3, fill) +
         std::string("\0", 1) + info;
}

std::string SignWith(EVP_PKEY* key, const EVP_MD* digest, int padding, std::string_view text) {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_PKEY_CTX* how = nullptr;
  EVP_DigestSignInit(context, &how, digest, nullptr, key);
  EVP_PKEY_CTX_set_rsa_padding(how, padding);
  std::string signature(static_cast<size_t>(EVP_PKEY_get_size(key)), '\0');
  size_t size = signature.size();
  EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(text.data()), text.size());
  EVP_MD_CTX_free(context);
  signature.resize(size);
  return signature;
}

// The number `signature` plus the modulus, which has the same power modulo the modulus.
std::string PlusModulus(EVP_PKEY* key, const std::string& signature) {
  BIGNUM* n = nullptr;
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
  BIGNUM* s = BN_bin2bn(reinterpret_cast<const unsigned char*>(signature.data()),
                        static_cast<int>(signature.size()), nullptr);
  BN_add(s, s, n);
  std::string sum(static_cast<size_t>(BN_num_bytes(s)), '\0');
  BN_bn2bin(s, reinterpret_cast<unsigned char*>(sum.data()));
  BN_free(s);
  BN_free(n);
  return sum;
}

class RsaSignatureVectors : public ::testing::Test {
 protected:
  static EVP_PKEY* key() {
    static const Key* const made = new Key(MakeKey(kRsaKeyBits, 65537));
    return made->get();
  }
  static bool Takes(const std::string& signature, EVP_PKEY* with = key()) {
    return VerifyRs256(PublicPem(with), kText, signature).ok();
  }
  static std::string Good() { return SignEncoded(key(), Encode(kSha256Info + Digest(kText))); }
};

TEST_F(RsaSignatureVectors, TheRightEncodingIsTakenHoweverItWasMade) {
  EXPECT_TRUE(Takes(Good()));
  EXPECT_EQ(Good(), SignWith(key(), EVP_sha256(), RSA_PKCS1_PADDING, kText));
}

TEST_F(RsaSignatureVectors, OddEncodingsAreRefused) {
  const std::string digest = Digest(kText);
  const std::string sha1_info("\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14", 15);
  const std::string long_length(
      "\x30\x81\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
      "\x05\x00\x04\x20",
      20);
  std::string no_null = kSha256Info;
  no_null[1] = '\x2f';
  no_null[3] = '\x0b';
  no_null.erase(15, 2);
  const std::vector<std::pair<const char*, std::string>> encodings = {
      {"the digest alone", Encode(digest)},
      {"without its NULL parameter", Encode(no_null + digest)},
      {"a length in two bytes", Encode(long_length + digest)},
      {"SHA-1's name with this digest", Encode(sha1_info + digest)},
      {"another text's digest", Encode(kSha256Info + Digest("header.other"))},
      {"bytes behind the digest", Encode(kSha256Info + digest + "x")},
      {"a digest cut by one", Encode(kSha256Info + digest.substr(0, 31))},
      {"block type 2", Encode(kSha256Info + digest, '\x02')},
      {"block type 0", Encode(kSha256Info + digest, '\x00')},
      {"padding of zeros", Encode(kSha256Info + digest, '\x01', '\x00')},
      {"padding of other bytes", Encode(kSha256Info + digest, '\x01', '\xfe')},
      // The forgery against exponent 3: short padding, and anything behind.
      {"short padding", std::string("\x00\x01", 2) + std::string(8, '\xff') + std::string("\0", 1) +
                            kSha256Info + digest +
                            std::string(kSize - 11 - kSha256Info.size() - 32, 'g')},
  };
  for (const auto& [what, encoded] : encodings) {
    ASSERT_EQ(encoded.size(), kSize) << what;
    EXPECT_FALSE(Takes(SignEncoded(key(), encoded))) << what;
  }
}

TEST_F(RsaSignatureVectors, BentSignaturesAreRefused) {
  const std::string good = Good();
  EXPECT_FALSE(Takes(""));
  EXPECT_FALSE(Takes(good.substr(1)));
  EXPECT_FALSE(Takes(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(Takes(std::string("\0", 1) + good));
  EXPECT_FALSE(Takes(good + std::string("\0", 1)));
  EXPECT_FALSE(Takes(good + good));
  EXPECT_FALSE(Takes(std::string(kSize, '\0')));
  EXPECT_FALSE(Takes(std::string(kSize, '\xff')));
  EXPECT_FALSE(Takes(std::string(kSize - 1, '\0') + '\x01'));
  EXPECT_FALSE(Takes(PlusModulus(key(), good)));
  for (size_t bit = 0; bit < kSize * 8; bit += 61) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(Takes(flipped)) << bit;
  }
}

TEST_F(RsaSignatureVectors, ASignatureWithALeadingZeroIsTakenAtFullLengthOnly) {
  // One signature in 256 begins with a zero byte; it is found by changing the text.
  for (int i = 0; i < 5000; ++i) {
    const std::string text = "header.payload" + std::to_string(i);
    const std::string signature = SignEncoded(key(), Encode(kSha256Info + Digest(text)));
    if (signature[0] != '\0') continue;
    EXPECT_TRUE(VerifyRs256(PublicPem(key()), text, signature).ok());
    EXPECT_FALSE(VerifyRs256(PublicPem(key()), text, signature.substr(1)).ok());
    return;
  }
  FAIL() << "no signature with a leading zero";
}

TEST_F(RsaSignatureVectors, OtherAlgorithmsOfTheSameKeyAreRefused) {
  EXPECT_FALSE(Takes(SignWith(key(), EVP_sha256(), RSA_PKCS1_PSS_PADDING, kText)));
  EXPECT_FALSE(Takes(SignWith(key(), EVP_sha512(), RSA_PKCS1_PADDING, kText)));
  EXPECT_FALSE(Takes(SignWith(key(), EVP_sha1(), RSA_PKCS1_PADDING, kText)));
}

TEST_F(RsaSignatureVectors, KeysThatAreTooSmallOrOfAnotherSortVerifyNothing) {
  const Key small = MakeKey(1024, 65537);
  EXPECT_FALSE(Takes(SignWith(small.get(), EVP_sha256(), RSA_PKCS1_PADDING, kText), small.get()));
  const Key curve(EVP_EC_gen("P-256"), EVP_PKEY_free);
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, curve.get());
  std::string signature(256, '\0');
  size_t size = signature.size();
  ASSERT_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(kText.data()), kText.size()),
            1);
  EVP_MD_CTX_free(context);
  signature.resize(size);
  EXPECT_FALSE(Takes(signature, curve.get()));
  EXPECT_FALSE(VerifyRs256("", kText, Good()).ok());
  EXPECT_FALSE(
      VerifyRs256("-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", kText, Good())
          .ok());
}

}  // namespace
}  // namespace hodei::access
