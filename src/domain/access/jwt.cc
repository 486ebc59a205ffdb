#include "domain/access/jwt.h"

#include <simdjson.h>

#include <cmath>
#include <set>

#include "base/encoding.h"

namespace hodei::access {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

Status Malformed(std::string_view what) {
  return InvalidArgument("Invalid JWT: " + std::string(what));
}

// The one spelling that RFC 7515 allows: no padding, no foreign characters, no stray bits. Two
// spellings of one token would be two tokens to the replay check.
Result<std::string> DecodePart(std::string_view part) {
  if (part.empty()) return Malformed("a part is empty.");
  Result<std::string> bytes = Base64Decode(part);
  if (!bytes.ok() || Base64UrlEncode(*bytes) != part) return Malformed("bad base64url.");
  return bytes;
}

Status ReadString(const element& value, std::string* out) {
  std::string_view text;
  if (value.get_string().get(text) != simdjson::SUCCESS) return Malformed("a member is no string.");
  *out = text;
  return OkStatus();
}

// NumericDate: seconds, possibly with a fraction, which is cut off.
Status ReadTime(const element& value, std::optional<int64_t>* out) {
  // Beyond this a sum with a lifetime could overflow, and no clock will get there.
  constexpr int64_t kLatest = 1LL << 40;
  int64_t seconds = 0;
  double fractional = 0;
  if (value.is_int64()) {
    seconds = value.get_int64().value_unsafe();
  } else if (value.is_double() && value.get_double().get(fractional) == simdjson::SUCCESS &&
             std::isfinite(fractional) && std::abs(fractional) < static_cast<double>(kLatest)) {
    seconds = static_cast<int64_t>(fractional);
  } else {
    return Malformed("a time is no number.");
  }
  if (seconds < 0 || seconds > kLatest) return Malformed("a time is out of range.");
  *out = seconds;
  return OkStatus();
}

Status ReadHeaderMember(std::string_view name, const element& value, Jwt* jwt) {
  // A token may not say which key is right, nor change what is signed.
  for (const std::string_view forbidden : {"jku", "jwk", "x5u", "x5c", "crit", "zip", "b64"}) {
    if (name == forbidden) return Malformed("a header member is not allowed.");
  }
  if (name == "alg") return ReadString(value, &jwt->algorithm);
  if (name == "kid") return ReadString(value, &jwt->key_id);
  if (name == "typ") {
    std::string type;
    RETURN_IF_ERROR(ReadString(value, &type));
    if (type != "JWT" && type != "jwt") return Malformed("the type is not JWT.");
  }
  return OkStatus();
}

Status ReadClaim(std::string_view name, const element& value, Jwt* jwt) {
  if (name == "iss") return ReadString(value, &jwt->issuer);
  if (name == "sub") return ReadString(value, &jwt->subject);
  if (name == "aud") return ReadString(value, &jwt->audience);
  if (name == "scope") return ReadString(value, &jwt->scope);
  if (name == "target_audience") return ReadString(value, &jwt->target_audience);
  if (name == "jti") return ReadString(value, &jwt->token_id);
  if (name == "iat") return ReadTime(value, &jwt->issued_at);
  if (name == "exp") return ReadTime(value, &jwt->expires_at);
  if (name == "nbf") return ReadTime(value, &jwt->not_before);
  return OkStatus();
}

template <typename Read>
Status ReadObject(std::string_view json, const Read& read) {
  simdjson::dom::parser parser;
  object members;
  if (parser.parse(json.data(), json.size()).get_object().get(members) != simdjson::SUCCESS) {
    return Malformed("a part is no JSON object.");
  }
  std::set<std::string_view> seen;
  for (const auto& [name, value] : members) {
    // Which of two counts differs between parsers, so neither does.
    if (!seen.insert(name).second) return Malformed("a member occurs twice.");
    RETURN_IF_ERROR(read(name, value));
  }
  return OkStatus();
}

}  // namespace

Result<Jwt> ParseJwt(std::string_view text) {
  if (text.size() > kMaxJwtBytes) return Malformed("too long.");
  const size_t first = text.find('.');
  const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return Malformed("not three parts.");
  Jwt jwt;
  jwt.signing_input = text.substr(0, second);
  ASSIGN_OR_RETURN(const std::string header, DecodePart(text.substr(0, first)));
  ASSIGN_OR_RETURN(const std::string payload,
                   DecodePart(text.substr(first + 1, second - first - 1)));
  // A fourth part would be a '.', which is no base64url.
  ASSIGN_OR_RETURN(jwt.signature, DecodePart(text.substr(second + 1)));
  RETURN_IF_ERROR(ReadObject(header, [&](std::string_view name, const element& value) {
    return ReadHeaderMember(name, value, &jwt);
  }));
  RETURN_IF_ERROR(ReadObject(payload, [&](std::string_view name, const element& value) {
    return ReadClaim(name, value, &jwt);
  }));
  return jwt;
}

}  // namespace hodei::access
