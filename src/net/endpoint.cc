#include "net/endpoint.h"

#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace hodei::net {
namespace {

Status BadUrl(const std::string& url) {
  return InvalidArgument(fmt::format(
      "'{}' is not a server address: write http://HOST:PORT, https://HOST:PORT or unix:/PATH",
      url));
}

bool IsHostByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '-' || c == '_' || c == ':' || c == '%';
}

}  // namespace

Result<Endpoint> ParseEndpoint(const std::string& url) {
  Endpoint endpoint;
  std::string_view rest = url;
  if (rest.starts_with("unix:")) {
    endpoint.kind = Endpoint::Kind::kUnix;
    endpoint.host = rest.substr(5);
    endpoint.authority = "localhost";
    if (endpoint.host.empty() || endpoint.host.front() != '/') return BadUrl(url);
    return endpoint;
  }
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
    endpoint.port = 80;
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
    endpoint.kind = Endpoint::Kind::kTls;
    endpoint.port = 443;
  } else {
    return BadUrl(url);
  }
  if (rest.ends_with("/")) rest.remove_suffix(1);
  endpoint.authority = rest;
  size_t port_at = rest.rfind(':');
  if (rest.starts_with("[")) {
    const size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) return BadUrl(url);
    endpoint.host = rest.substr(1, bracket - 1);
    rest.remove_prefix(bracket + 1);
    port_at = rest.empty() ? std::string_view::npos : 0;
  } else {
    endpoint.host = rest.substr(0, port_at);
  }
  if (port_at != std::string_view::npos) {
    if (rest[port_at] != ':') return BadUrl(url);
    const std::string_view digits = rest.substr(port_at + 1);
    const auto parsed =
        std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return BadUrl(url);
  }
  if (endpoint.host.empty() || endpoint.port == 0) return BadUrl(url);
  for (char c : endpoint.host) {
    if (!IsHostByte(c)) return BadUrl(url);
  }
  return endpoint;
}

}  // namespace hodei::net
