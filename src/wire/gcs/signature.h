// Signed requests: URLs and headers, version 4 and version 2, with a service account's RSA key or
// an HMAC key, in Google's words (x-goog-, GOOG4) and in those of S3 clients (x-amz-, AWS4).
// A request that verifies acts as the account behind the key, with that account's rights.
// Sources: https://cloud.google.com/storage/docs/authentication/signatures,
// /access-control/signed-urls-v2, /migrating.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/principal.h"
#include "domain/access/signature_keys.h"
#include "wire/gcs/request.h"

namespace hodei::wire::gcs {

inline constexpr std::chrono::seconds kSignedUrlLifetimeLimit{604'800};
// How far a signer's clock may be ahead; and, for signed headers, behind.
inline constexpr std::chrono::minutes kSignatureSkew{15};

// True when the query or the Authorization header carries a signature: then it is the credential.
bool HasSignature(const Request& request);

struct SignatureCheck {
  const access::SignatureKeys* keys = nullptr;
  WallTime now;
  // The emulator: a signature by a key that nobody here knows is taken as good. Form, expiry and
  // signed headers are still checked.
  bool unknown_keys_pass = false;
};

struct Signed {
  access::Principal principal;
  // Hex SHA-256 that the body must have, when the signer fixed it.
  std::optional<std::string> payload_sha256;
  bool by_url = false;
};

// INVALID_ARGUMENT for what is malformed or, with the reason "expiredToken", expired;
// PERMISSION_DENIED "signatureDoesNotMatch" for everything that is not what was signed, and for
// signers that are unknown: the two cannot be told apart.
Result<Signed> VerifySignature(const Request& request, const SignatureCheck& check);

// A policy document's signature, as form uploads carry it: `signed_text` is the document in base64.
struct PolicySignature {
  std::string algorithm;   // GOOG4-RSA-SHA256, GOOG4-HMAC-SHA256, or empty for version 2
  std::string credential;  // "ID/DATE/LOCATION/storage/goog4_request", or the id alone
  std::string date;        // "20240501T100000Z"; empty for version 2
  std::string signature;   // hex, or base64 for version 2
};
Result<access::Principal> VerifyPolicySignature(const PolicySignature& signature,
                                                std::string_view signed_text,
                                                const SignatureCheck& check);

Status SignatureDoesNotMatch();
Status MalformedSignature(std::string_view what);
Status ExpiredSignature();

}  // namespace hodei::wire::gcs
