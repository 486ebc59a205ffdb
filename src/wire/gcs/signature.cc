#include "wire/gcs/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/secret.h"
#include "wire/gcs/signature_scope.h"
#include "wire/gcs/signature_v2.h"
#include "wire/gcs/signature_v4.h"

namespace hodei::wire::gcs {

Status SignatureDoesNotMatch() {
  return PermissionDenied(
             "The request signature we calculated does not match the signature you provided. Check "
             "your Google secret key and signing method.")
      .WithReason("signatureDoesNotMatch");
}

Status MalformedSignature(std::string_view what) {
  return InvalidArgument(fmt::format("Invalid argument: {} of the signature.", what))
      .WithReason("invalid");
}

Status ExpiredSignature() {
  return InvalidArgument("The provided token has expired. Request signature expired.")
      .WithReason("expiredToken");
}

bool HasSignature(const Request& request) {
  for (const SignatureWords* words : kAllWords) {
    const std::string prefix(words->parameter_prefix);
    if (request.query.Has(prefix + "Signature") || request.query.Has(prefix + "Algorithm") ||
        request.query.Has(prefix + "Credential")) {
      return true;
    }
  }
  if (HasSignatureV2(request)) return true;
  const std::string_view header = request.headers.Get("Authorization");
  return header.starts_with("GOOG4-") || header.starts_with("AWS4-");
}

Result<Signed> VerifySignature(const Request& request, const SignatureCheck& check) {
  if (HasSignatureV2(request)) return VerifySignatureV2(request, check);
  return VerifySignatureV4(request, check);
}

Result<access::Principal> VerifyPolicySignature(const PolicySignature& signature,
                                                std::string_view signed_text,
                                                const SignatureCheck& check) {
  if (signature.algorithm.empty()) {
    const Result<std::string> raw = Base64Decode(signature.signature);
    if (!raw.ok()) return MalformedSignature("signature");
    return VerifyV2(signature.credential, signed_text, *raw, check);
  }
  const SignatureWords& words = kGoogleWords;
  ASSIGN_OR_RETURN(const CredentialScope scope, ParseCredential(signature.credential, words));
  const std::optional<WallTime> date = ParseBasicTime(signature.date);
  if (!date || signature.date.substr(0, 8) != scope.date) return MalformedSignature("date");
  const std::optional<std::string> raw = StrictHex(signature.signature);
  if (!raw) return MalformedSignature("signature");
  return VerifyV4({signature.algorithm, scope, *raw}, words, signed_text, check);
}

}  // namespace hodei::wire::gcs
