// RSA signatures for assertions and identity tokens: RSASSA-PKCS1-v1_5 with SHA-256 (RS256) only.
#pragma once

#include <string>
#include <string_view>

#include "base/secret.h"
#include "base/status.h"

namespace hodei::access {

inline constexpr int kRsaKeyBits = 2048;

struct RsaKeyPair {
  Secret private_key_pem;      // PKCS #8
  std::string public_key_pem;  // SubjectPublicKeyInfo
};

// Takes 50 to 500 ms of CPU.
Result<RsaKeyPair> GenerateRsaKey();
// INVALID_ARGUMENT for what is no RSA private key.
Result<std::string> SignRs256(const Secret& private_key_pem, std::string_view bytes);
// OK when `signature` is that of the key over `bytes`; UNAUTHENTICATED otherwise.
Status VerifyRs256(std::string_view public_key_pem, std::string_view bytes,
                   std::string_view signature);
// The public half of a private key.
Result<std::string> PublicHalf(const Secret& private_key_pem);

}  // namespace hodei::access
