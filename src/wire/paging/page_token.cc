#include "wire/paging/page_token.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/encoding.h"

namespace hodei::wire {
namespace {

constexpr size_t kMacBytes = 16;

Status Refused() {
  return InvalidField("page_token", "The page token is not valid for this request.");
}

}  // namespace

Result<int> PageSize(int32_t asked, const PageLimits& limits) {
  if (asked < 0) return InvalidField("page_size", "The page size may not be negative.");
  if (asked == 0) return limits.default_size;
  return std::min<int>(asked, limits.max_size);
}

std::string PageTokens::Mac(std::string_view query, std::string_view position) const {
  // The length in front keeps (query, position) from being cut elsewhere.
  std::string input = std::to_string(query.size()) + ":";
  input += query;
  input += position;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned length = 0;
  const std::string& key = key_.Reveal();
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest, &length);
  return std::string(reinterpret_cast<char*>(digest), kMacBytes);
}

std::string PageTokens::Seal(std::string_view query, std::string_view position) const {
  return Base64UrlEncode(Mac(query, position) + std::string(position));
}

Result<std::string> PageTokens::Open(std::string_view query, std::string_view token) const {
  if (token.empty()) return std::string();
  if (token.size() > kTokenBytesLimit) return Refused();
  Result<std::string> bytes = Base64Decode(token);
  if (!bytes.ok() || bytes->size() < kMacBytes) return Refused();
  std::string position = bytes->substr(kMacBytes);
  if (!ConstantTimeEqual(std::string_view(*bytes).substr(0, kMacBytes), Mac(query, position))) {
    return Refused();
  }
  return position;
}

}  // namespace hodei::wire
