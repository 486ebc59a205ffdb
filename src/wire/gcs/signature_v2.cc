#include "wire/gcs/signature_v2.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>
#include <map>
#include <vector>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/secret.h"
#include "wire/gcs/canonical_request.h"

namespace hodei::wire::gcs {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;

// Parameters that choose what is done: they are part of the signed resource.
constexpr std::array<std::string_view, 23> kSubresources = {
    "acl",          "billing",    "compose",  "cors",       "defaultObjectAcl", "encryption",
    "lifecycle",    "location",   "logging",  "partNumber", "policy",           "requestPayment",
    "storageClass", "tagging",    "torrent",  "uploadId",   "upload_id",        "uploads",
    "versionId",    "versioning", "versions", "website",    "websiteConfig"};

bool IsSubresource(std::string_view name) {
  return std::find(kSubresources.begin(), kSubresources.end(), name) != kSubresources.end();
}

// These choose how the bytes are labelled or which generation is read. Some signers sign them as
// part of the resource, Google's own library leaves them out.
bool IsOptional(std::string_view name) {
  return name == "generation" || name.starts_with("response-");
}

struct Words {
  std::string_view id_parameter;
  std::string_view header_scheme;
  std::string_view header_prefix;
};
constexpr std::array<Words, 2> kWords = {
    {{"GoogleAccessId", "GOOG1 ", "x-goog-"}, {"AWSAccessKeyId", "AWS ", "x-amz-"}}};

const Words* HeaderWords(std::string_view header) {
  for (const Words& words : kWords) {
    if (header.starts_with(words.header_scheme)) return &words;
  }
  return nullptr;
}

const Words* UrlWords(const Query& query) {
  for (const Words& words : kWords) {
    if (query.Has(words.id_parameter)) return &words;
  }
  return nullptr;
}

// "?acl&generation=5": sorted, values decoded, as the signers of this version write it.
std::string Subresources(const Query& query, bool with_optional) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : query.parameters()) {
    if (IsSubresource(name) || (with_optional && IsOptional(name))) sorted.emplace(name, value);
  }
  std::string out;
  for (const auto& [name, value] : sorted) {
    out.append(out.empty() ? "?" : "&").append(name);
    if (!value.empty()) out.append("=").append(value);
  }
  return out;
}

// All parameters but the signature's own, in the order and the spelling of the URL: how Google's
// Python library writes the resource.
std::string OtherParameters(std::string_view raw_query) {
  std::vector<std::string> kept;
  while (!raw_query.empty()) {
    const size_t end = raw_query.find('&');
    const std::string_view pair = raw_query.substr(0, end);
    raw_query = end == std::string_view::npos ? std::string_view() : raw_query.substr(end + 1);
    const std::string_view name = pair.substr(0, pair.find('='));
    if (name == "GoogleAccessId" || name == "Expires" || name == "Signature") continue;
    kept.emplace_back(pair);
  }
  std::sort(kept.begin(), kept.end());
  std::string out;
  for (const std::string& pair : kept) out.append(out.empty() ? "?" : "&").append(pair);
  return out;
}

struct Claim {
  const Words* words = nullptr;
  std::string id;
  std::string time_text;  // Expires, or Date
  std::string raw;
  bool by_url = false;
};

Result<Claim> ReadUrl(const Request& request, const Words& words, WallTime now) {
  const Query& query = request.query;
  Claim claim;
  claim.words = &words;
  claim.by_url = true;
  for (const std::string_view name :
       {words.id_parameter, std::string_view("Expires"), std::string_view("Signature")}) {
    if (query.GetAll(name).size() != 1) return MalformedSignature(name);
  }
  claim.id = query.Get(words.id_parameter);
  claim.time_text = query.Get("Expires");
  const std::optional<uint64_t> expires = ParseUint64(claim.time_text);
  if (!expires || *expires > uint64_t(INT64_MAX / kNanosPerSecond)) {
    return MalformedSignature("Expires");
  }
  if (int64_t(*expires) < now.unix_nanos / kNanosPerSecond) return ExpiredSignature();
  // A '+' that a client left as it is has become a space.
  std::string text = query.Get("Signature");
  std::replace(text.begin(), text.end(), ' ', '+');
  const Result<std::string> raw = Base64Decode(text);
  if (!raw.ok() || raw->empty()) return MalformedSignature("Signature");
  claim.raw = *raw;
  return claim;
}

// "Tue, 15 Nov 1994 08:12:31 GMT". Half of what nanoseconds hold, so that
// differences of two are numbers too: from 1824 to 2116.
std::optional<WallTime> ParseHttpDate(const std::string& text) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') return std::nullopt;
  const int64_t seconds = timegm(&parts);
  if (std::abs(seconds) > INT64_MAX / 2 / kNanosPerSecond) return std::nullopt;
  return WallTime{seconds * kNanosPerSecond};
}

Result<Claim> ReadHeader(const Request& request, const Words& words, WallTime now) {
  std::string_view text = request.headers.Get("Authorization").substr(words.header_scheme.size());
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return MalformedSignature("Authorization header");
  Claim claim;
  claim.words = &words;
  claim.id = std::string(text.substr(0, colon));
  const Result<std::string> raw = Base64Decode(text.substr(colon + 1));
  if (!raw.ok() || raw->empty()) return MalformedSignature("signature");
  claim.raw = *raw;
  const std::string own_date(request.headers.Get(std::string(words.header_prefix) + "date"));
  const std::string date(request.headers.Get("Date"));
  const std::optional<WallTime> time = ParseHttpDate(own_date.empty() ? date : own_date);
  if (!time) return MalformedSignature("Date");
  if (std::abs(now.unix_nanos - time->unix_nanos) >
      std::chrono::nanoseconds(kSignatureSkew).count()) {
    return ExpiredSignature();
  }
  claim.time_text = own_date.empty() ? date : "";
  return claim;
}

}  // namespace

bool HasSignatureV2(const Request& request) {
  return UrlWords(request.query) != nullptr ||
         HeaderWords(request.headers.Get("Authorization")) != nullptr;
}

Result<access::Principal> VerifyV2(std::string_view id, std::string_view signed_text,
                                   std::string_view raw_signature, const SignatureCheck& check) {
  Result<access::Principal> verified = NotFound("");
  if (id.find('@') != std::string_view::npos) {
    verified = check.keys->VerifyRsa(id, signed_text, raw_signature);
  } else {
    const auto shared = check.keys->FindHmac(id);
    verified = shared.status();
    if (shared.ok()) {
      const bool good =
          ConstantTimeEqual(HmacSha1(shared->key->secret(), signed_text), raw_signature);
      verified = good ? Result<access::Principal>(shared->principal)
                      : Result<access::Principal>(SignatureDoesNotMatch());
    }
  }
  if (verified.ok()) return verified;
  const Code code = verified.status().code();
  if (code == Code::kNotFound && check.unknown_keys_pass) return access::Principal{};
  if (code == Code::kNotFound || code == Code::kUnauthenticated) return SignatureDoesNotMatch();
  return verified.status();
}

Result<Signed> VerifySignatureV2(const Request& request, const SignatureCheck& check) {
  const Words* by_header = HeaderWords(request.headers.Get("Authorization"));
  const Words* by_url = UrlWords(request.query);
  if (by_url != nullptr && request.headers.Has("Authorization")) {
    return MalformedSignature("place (a header beside the query)");
  }
  // The JSON API's parameters are no part of what this version signs.
  if (!request.xml || request.method != request.sent_method) return SignatureDoesNotMatch();
  ASSIGN_OR_RETURN(const Claim claim, by_url != nullptr
                                          ? ReadUrl(request, *by_url, check.now)
                                          : ReadHeader(request, *by_header, check.now));
  const auto of = [&](std::string_view name) {
    return CanonicalHeader(request, name).value_or(std::string());
  };
  const std::string head =
      fmt::format("{}\n{}\n{}\n{}\n{}{}", request.sent_method, of("content-md5"),
                  of("content-type"), claim.time_text,
                  ExtensionHeaders(request, claim.words->header_prefix), SignedResource(request));
  Signed out;
  out.by_url = claim.by_url;
  std::vector<std::string> spellings = {Subresources(request.query, true)};
  const auto add = [&](std::string spelling) {
    if (std::find(spellings.begin(), spellings.end(), spelling) == spellings.end()) {
      spellings.push_back(std::move(spelling));
    }
  };
  add(Subresources(request.query, false));
  if (claim.by_url) add(OtherParameters(request.raw_query));
  Status refused;
  for (const std::string& spelling : spellings) {
    Result<access::Principal> principal = VerifyV2(claim.id, head + spelling, claim.raw, check);
    if (principal.ok()) {
      out.principal = *std::move(principal);
      return out;
    }
    refused = principal.status();
  }
  return refused;
}

}  // namespace hodei::wire::gcs
