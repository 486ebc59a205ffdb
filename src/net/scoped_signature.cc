#include "net/scoped_signature.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/encoding.h"

namespace hodei::net {

std::string ScopedMac(std::string_view secret, const SigningScope& scope, std::string_view text) {
  std::string first(scope.secret_prefix);
  std::string key = HmacSha256(first.append(secret), scope.date);
  key = HmacSha256(key, scope.region);
  key = HmacSha256(key, scope.service);
  key = HmacSha256(key, scope.terminator);
  return HmacSha256(key, text);
}

Result<std::string> CanonicalQuery(std::string_view raw_query, std::string_view signature_name) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!raw_query.empty()) {
    const size_t end = raw_query.find('&');
    const std::string_view pair = raw_query.substr(0, end);
    raw_query = end == std::string_view::npos ? std::string_view() : raw_query.substr(end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(const std::string name, PercentDecode(pair.substr(0, equals)));
    if (name == signature_name) continue;
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(pair.substr(equals + 1)));
    }
    pairs.emplace_back(PercentEncode(name), PercentEncode(value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out.push_back('&');
    out.append(name).append("=").append(value);
  }
  return out;
}

}  // namespace hodei::net
