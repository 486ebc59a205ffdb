#include "wire/gcs/signature_scope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "base/encoding.h"
#include "net/scoped_signature.h"
#include "wire/gcs/signature.h"

namespace hodei::wire::gcs {
namespace {

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string CredentialScope::Text(const SignatureWords& words) const {
  return fmt::format("{}/{}/{}/{}", date, location, words.service, words.terminator);
}

Result<CredentialScope> ParseCredential(std::string_view text, const SignatureWords& words) {
  // From the end: an id may hold anything but is what remains.
  std::vector<std::string_view> parts;
  std::string_view rest = text;
  for (int i = 0; i < 4; ++i) {
    const size_t slash = rest.rfind('/');
    if (slash == std::string_view::npos) return MalformedSignature("credential");
    parts.push_back(rest.substr(slash + 1));
    rest = rest.substr(0, slash);
  }
  if (rest.empty() || parts[0] != words.terminator || parts[1] != words.service ||
      parts[2].empty() || parts[3].size() != 8 || !IsDigits(parts[3])) {
    return MalformedSignature("credential");
  }
  return CredentialScope{std::string(rest), std::string(parts[3]), std::string(parts[2])};
}

std::optional<WallTime> ParseBasicTime(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z' || !IsDigits(text.substr(0, 8)) ||
      !IsDigits(text.substr(9, 6))) {
    return std::nullopt;
  }
  const Result<WallTime> time = ParseRfc3339(
      fmt::format("{}-{}-{}T{}:{}:{}Z", text.substr(0, 4), text.substr(4, 2), text.substr(6, 2),
                  text.substr(9, 2), text.substr(11, 2), text.substr(13, 2)));
  // Differences of two times must be numbers too.
  if (!time.ok() || std::abs(time->unix_nanos) > INT64_MAX / 2) return std::nullopt;
  return *time;
}

std::string ScopedMac(std::string_view secret, const CredentialScope& scope,
                      const SignatureWords& words, std::string_view text) {
  return net::ScopedMac(
      secret, {words.secret_prefix, scope.date, scope.location, words.service, words.terminator},
      text);
}

std::optional<std::string> StrictHex(std::string_view text) {
  if (text.empty() || text.size() % 2 != 0 || text.size() > 4096) return std::nullopt;
  for (const char c : text) {
    if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f')) return std::nullopt;
  }
  Result<std::string> bytes = HexDecode(text);
  if (!bytes.ok()) return std::nullopt;
  return *std::move(bytes);
}

}  // namespace hodei::wire::gcs
