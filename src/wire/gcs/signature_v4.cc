#include "wire/gcs/signature_v4.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "base/ascii.h"
#include "base/digest.h"
#include "base/secret.h"
#include "wire/gcs/canonical_request.h"

namespace hodei::wire::gcs {
namespace {

constexpr std::string_view kUnsignedPayload = "UNSIGNED-PAYLOAD";
constexpr size_t kSignedHeaderLimit = 64;
constexpr int64_t kNanosPerSecond = 1'000'000'000;

// Headers in the signers' own name space that say nothing about what the request does.
constexpr std::array<std::string_view, 8> kUnsignedAllowed = {
    "x-goog-api-client",     "x-goog-user-project",
    "x-goog-request-params", "x-goog-request-reason",
    "x-goog-visibilities",   "x-goog-gcs-idempotency-token",
    "x-goog-authuser",       "x-goog-encode-response-if-executable"};

// All that a version 4 signature says, wherever it stood.
struct Claim {
  const SignatureWords* words = nullptr;
  SignatureV4 signature;
  std::string date_text;
  WallTime date;
  std::vector<std::string> signed_headers;
  std::string payload_hash = std::string(kUnsignedPayload);
  std::string signature_parameter;  // to be left out of the canonical query; empty for headers
};

Result<std::vector<std::string>> ParseSignedHeaders(std::string_view text) {
  std::vector<std::string> names;
  while (true) {
    const size_t end = text.find(';');
    const std::string_view name = text.substr(0, end);
    const bool plain =
        !name.empty() &&
        name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.") == std::string_view::npos;
    // One list, one spelling: lower case, sorted, no name twice.
    if (!plain || (!names.empty() && name <= names.back()) || names.size() == kSignedHeaderLimit) {
      return MalformedSignature("list of signed headers");
    }
    names.emplace_back(name);
    if (end == std::string_view::npos) break;
    text = text.substr(end + 1);
  }
  if (std::find(names.begin(), names.end(), "host") == names.end()) {
    return MalformedSignature("list of signed headers");
  }
  return names;
}

bool IsSha256Hex(std::string_view text) { return text.size() == 64 && StrictHex(text); }

// A parameter that must be there exactly once.
Result<std::string> Only(const Query& query, const std::string& name) {
  std::vector<std::string> values = query.GetAll(name);
  if (values.size() != 1 || values[0].empty()) return MalformedSignature(name);
  return std::move(values[0]);
}

Status ReadPayloadHash(std::string_view value, Claim* claim) {
  if (value.empty()) return OkStatus();
  if (value != kUnsignedPayload && !IsSha256Hex(value)) {
    return MalformedSignature("payload hash");
  }
  claim->payload_hash = std::string(value);
  return OkStatus();
}

Status CheckAlgorithm(const std::string& algorithm, const SignatureWords& words) {
  const bool known = algorithm == words.hmac_algorithm ||
                     (!words.rsa_algorithm.empty() && algorithm == words.rsa_algorithm);
  return known ? OkStatus() : MalformedSignature("algorithm");
}

Status ReadCommon(const std::string& credential, const std::string& headers,
                  const std::string& signature, Claim* claim) {
  RETURN_IF_ERROR(CheckAlgorithm(claim->signature.algorithm, *claim->words));
  ASSIGN_OR_RETURN(claim->signature.scope, ParseCredential(credential, *claim->words));
  const std::optional<WallTime> date = ParseBasicTime(claim->date_text);
  if (!date || claim->date_text.substr(0, 8) != claim->signature.scope.date) {
    return MalformedSignature("date");
  }
  claim->date = *date;
  ASSIGN_OR_RETURN(claim->signed_headers, ParseSignedHeaders(headers));
  const std::optional<std::string> raw = StrictHex(signature);
  if (!raw) return MalformedSignature("signature");
  claim->signature.raw = *raw;
  return OkStatus();
}

Result<Claim> ReadUrl(const Request& request, const SignatureWords& words, WallTime now) {
  const std::string prefix(words.parameter_prefix);
  Claim claim;
  claim.words = &words;
  claim.signature_parameter = prefix + "Signature";
  const Query& query = request.query;
  ASSIGN_OR_RETURN(claim.signature.algorithm, Only(query, prefix + "Algorithm"));
  ASSIGN_OR_RETURN(const std::string credential, Only(query, prefix + "Credential"));
  ASSIGN_OR_RETURN(claim.date_text, Only(query, prefix + "Date"));
  ASSIGN_OR_RETURN(const std::string expires, Only(query, prefix + "Expires"));
  ASSIGN_OR_RETURN(const std::string headers, Only(query, prefix + "SignedHeaders"));
  ASSIGN_OR_RETURN(const std::string signature, Only(query, claim.signature_parameter));
  RETURN_IF_ERROR(ReadCommon(credential, headers, signature, &claim));
  const std::optional<uint64_t> seconds = ParseUint64(expires);
  if (!seconds || expires[0] == '0' || *seconds > uint64_t(kSignedUrlLifetimeLimit.count())) {
    return MalformedSignature("expiry");
  }
  if (claim.date > now + kSignatureSkew) return MalformedSignature("date");
  if (now.unix_nanos - claim.date.unix_nanos > int64_t(*seconds) * kNanosPerSecond) {
    return ExpiredSignature();
  }
  const std::string hash_parameter = prefix + "Content-SHA256";
  if (query.GetAll(hash_parameter).size() > 1) return MalformedSignature("payload hash");
  RETURN_IF_ERROR(ReadPayloadHash(query.Get(hash_parameter), &claim));
  return claim;
}

// "Credential=…, SignedHeaders=…, Signature=…" → the value of one.
Result<std::string> OfHeader(std::string_view text, std::string_view name) {
  std::optional<std::string> found;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    std::string_view item = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    if (!item.starts_with(name) || item.size() <= name.size() || item[name.size()] != '=') continue;
    if (found) return MalformedSignature(name);
    found = std::string(item.substr(name.size() + 1));
  }
  if (!found) return MalformedSignature(name);
  return *std::move(found);
}

Result<Claim> ReadHeader(const Request& request, std::string_view header, WallTime now) {
  const size_t space = header.find(' ');
  if (space == std::string_view::npos) return MalformedSignature("Authorization header");
  Claim claim;
  claim.words = header.starts_with("AWS4-") ? &kAmazonWords : &kGoogleWords;
  claim.signature.algorithm = std::string(header.substr(0, space));
  const std::string_view items = header.substr(space + 1);
  ASSIGN_OR_RETURN(const std::string credential, OfHeader(items, "Credential"));
  ASSIGN_OR_RETURN(const std::string headers, OfHeader(items, "SignedHeaders"));
  ASSIGN_OR_RETURN(const std::string signature, OfHeader(items, "Signature"));
  const std::string prefix(claim.words->header_prefix);
  claim.date_text = std::string(request.headers.Get(prefix + "date"));
  RETURN_IF_ERROR(ReadCommon(credential, headers, signature, &claim));
  const int64_t skew = std::abs(now.unix_nanos - claim.date.unix_nanos);
  if (skew > std::chrono::nanoseconds(kSignatureSkew).count()) return ExpiredSignature();
  return claim;
}

bool IsSigned(const Claim& claim, std::string_view name) {
  return std::binary_search(claim.signed_headers.begin(), claim.signed_headers.end(), name);
}

// What nobody signed must not change what the request does.
Status CheckUnsignedHeaders(const Request& request, const Claim& claim) {
  for (const auto& [name, value] : request.headers.fields()) {
    const std::string lower = AsciiLower(name);
    const bool ours = lower.starts_with("x-goog-") || lower.starts_with("x-amz-");
    if (!ours || IsSigned(claim, lower)) continue;
    if (lower.starts_with("x-goog-custom-audit-")) continue;
    if (std::find(kUnsignedAllowed.begin(), kUnsignedAllowed.end(), lower) !=
        kUnsignedAllowed.end()) {
      continue;
    }
    return SignatureDoesNotMatch();
  }
  // The method that was signed is the method that is done.
  return request.method == request.sent_method ? OkStatus() : SignatureDoesNotMatch();
}

Result<access::Principal> VerifyClaim(const Request& request, const Claim& claim,
                                      const SignatureCheck& check) {
  ASSIGN_OR_RETURN(const std::string canonical,
                   CanonicalRequest(request, claim.signed_headers, claim.signature_parameter,
                                    claim.payload_hash));
  const std::string signed_text =
      fmt::format("{}\n{}\n{}\n{}", claim.signature.algorithm, claim.date_text,
                  claim.signature.scope.Text(*claim.words), Sha256Hex(canonical));
  return VerifyV4(claim.signature, *claim.words, signed_text, check);
}

}  // namespace

Result<access::Principal> VerifyV4(const SignatureV4& signature, const SignatureWords& words,
                                   std::string_view signed_text, const SignatureCheck& check) {
  RETURN_IF_ERROR(CheckAlgorithm(signature.algorithm, words));
  Result<access::Principal> verified = NotFound("");
  if (signature.algorithm == words.hmac_algorithm) {
    const auto shared = check.keys->FindHmac(signature.scope.id);
    verified = shared.status();
    if (shared.ok()) {
      const std::string mac = ScopedMac(shared->key->secret(), signature.scope, words, signed_text);
      verified = ConstantTimeEqual(mac, signature.raw)
                     ? Result<access::Principal>(shared->principal)
                     : Result<access::Principal>(SignatureDoesNotMatch());
    }
  } else {
    verified = check.keys->VerifyRsa(signature.scope.id, signed_text, signature.raw);
  }
  if (verified.ok()) return verified;
  const Code code = verified.status().code();
  if (code == Code::kNotFound && check.unknown_keys_pass) return access::Principal{};
  if (code == Code::kNotFound || code == Code::kUnauthenticated) return SignatureDoesNotMatch();
  return verified.status();
}

Result<Signed> VerifySignatureV4(const Request& request, const SignatureCheck& check) {
  const std::string_view header = request.headers.Get("Authorization");
  const bool by_url = !header.starts_with("GOOG4-") && !header.starts_with("AWS4-");
  // Two credentials at once: which one is meant?
  if (by_url ? !header.empty() : request.headers.GetAll("Authorization").size() != 1) {
    return MalformedSignature("place (a header beside the query)");
  }
  const bool amazon = request.query.Has("X-Amz-Algorithm");
  ASSIGN_OR_RETURN(Claim claim,
                   by_url ? ReadUrl(request, amazon ? kAmazonWords : kGoogleWords, check.now)
                          : ReadHeader(request, header, check.now));
  const std::string hash_header = std::string(claim.words->header_prefix) + "content-sha256";
  if (request.headers.Has(hash_header)) {
    RETURN_IF_ERROR(ReadPayloadHash(request.headers.Get(hash_header), &claim));
  }
  RETURN_IF_ERROR(CheckUnsignedHeaders(request, claim));
  Result<access::Principal> principal = VerifyClaim(request, claim, check);
  const size_t colon = request.host.rfind(':');
  if (principal.status().code() == Code::kPermissionDenied && colon != std::string::npos) {
    // Some signers write down the host's name without its port.
    Request portless = request;
    portless.host.resize(colon);
    principal = VerifyClaim(portless, claim, check);
  }
  RETURN_IF_ERROR(principal.status());
  Signed out;
  out.principal = *std::move(principal);
  out.by_url = by_url;
  if (claim.payload_hash != kUnsignedPayload) out.payload_sha256 = claim.payload_hash;
  return out;
}

}  // namespace hodei::wire::gcs
