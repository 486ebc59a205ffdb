// JSON Web Tokens in compact form (RFC 7515, RFC 7519): parsing only, trusting nothing. Whether the
// signature is good and the claims are acceptable is decided in assertion.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::access {

inline constexpr size_t kMaxJwtBytes = 16 * 1024;

struct Jwt {
  // "header.payload" as sent: what the signature is over.
  std::string signing_input;
  std::string signature;  // raw
  // Header. `key_id` is only ever a name to look up among our own keys.
  std::string algorithm;
  std::string key_id;
  // Claims; empty or absent where the token has none.
  std::string issuer;
  std::string subject;
  std::string audience;
  std::string scope;
  std::string target_audience;
  std::string token_id;
  std::optional<int64_t> issued_at;  // seconds since the Unix epoch
  std::optional<int64_t> expires_at;
  std::optional<int64_t> not_before;
};

// INVALID_ARGUMENT, without quoting the token, for: anything but three non-empty parts in canonical
// unpadded base64url; header or payload that is no JSON object in UTF-8; a member that occurs
// twice; a known member of another type; a header that brings its own key or demands an extension
// (jku, jwk, x5u, x5c, crit, zip, b64).
Result<Jwt> ParseJwt(std::string_view text);

}  // namespace hodei::access
