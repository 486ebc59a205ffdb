// Version 2 signatures of URLs and of Authorization headers. Used through signature.h.
#pragma once

#include <string>
#include <string_view>

#include "wire/gcs/signature.h"

namespace hodei::wire::gcs {

bool HasSignatureV2(const Request& request);
Result<Signed> VerifySignatureV2(const Request& request, const SignatureCheck& check);

// `id` is an e-mail (RSA with SHA-256) or an access id (HMAC-SHA1).
Result<access::Principal> VerifyV2(std::string_view id, std::string_view signed_text,
                                   std::string_view raw_signature, const SignatureCheck& check);

}  // namespace hodei::wire::gcs
