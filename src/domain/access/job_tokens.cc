#include "domain/access/job_tokens.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>

#include "base/encoding.h"

namespace hodei::access {
namespace {

// So that a token in the wrong place is recognised for what it is.
constexpr std::string_view kPrefix = "hodei_jt_";
constexpr int64_t kNanosPerSecond = 1'000'000'000;

}  // namespace

std::string JobTokens::MacOf(std::string_view job, int64_t expire_seconds) const {
  // The number first: no job name can be read as the end of another's.
  const std::string text = fmt::format("job-token/{}/{}", expire_seconds, job);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac;
  unsigned int size = 0;
  HMAC(EVP_sha256(), key_.Reveal().data(), static_cast<int>(key_.Reveal().size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return Base64UrlEncode(std::string_view(reinterpret_cast<const char*>(mac.data()), size));
}

Secret JobTokens::Mint(std::string_view job) const {
  const int64_t expire = (clock_->Now() + kLifetime).unix_nanos / kNanosPerSecond;
  return Secret(fmt::format("{}{}.{}", kPrefix, expire, MacOf(job, expire)));
}

bool JobTokens::IsValid(std::string_view token, std::string_view job) const {
  if (!token.starts_with(kPrefix)) return false;
  token.remove_prefix(kPrefix.size());
  const size_t dot = token.find('.');
  if (dot == std::string_view::npos) return false;
  int64_t expire = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + dot, expire);
  if (error != std::errc() || end != token.data() + dot) return false;
  return ConstantTimeEqual(token.substr(dot + 1), MacOf(job, expire)) &&
         clock_->Now().unix_nanos / kNanosPerSecond < expire;
}

}  // namespace hodei::access
