// Version 4 signatures of URLs and of Authorization headers. Used through signature.h.
#pragma once

#include <string>
#include <string_view>

#include "wire/gcs/signature.h"
#include "wire/gcs/signature_scope.h"

namespace hodei::wire::gcs {

struct SignatureV4 {
  std::string algorithm;
  CredentialScope scope;
  std::string raw;
};

Result<Signed> VerifySignatureV4(const Request& request, const SignatureCheck& check);

// The key decides by its sort: an RSA algorithm with an HMAC key's id finds no key, and the other
// way round.
Result<access::Principal> VerifyV4(const SignatureV4& signature, const SignatureWords& words,
                                   std::string_view signed_text, const SignatureCheck& check);

}  // namespace hodei::wire::gcs
