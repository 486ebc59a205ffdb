#include "domain/access/browser_guard.h"

#include <string_view>

#include "net/http_message.h"

namespace hodei::access {
namespace {

// "127.0.0.1:8080" → "127.0.0.1", "[::1]:8080" → "[::1]".
std::string_view WithoutPort(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.rfind(':');
  if (colon == std::string_view::npos) return host;
  if (bracket != std::string_view::npos && colon < bracket) return host;
  return host.substr(0, colon);
}

bool IsLoopbackName(std::string_view host) {
  if (host == "localhost" || host.ends_with(".localhost") || host == "[::1]") return true;
  // An address, not a name that begins like one.
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

// The authority of an origin: "http://127.0.0.1:8080" → "127.0.0.1:8080". "null" stays as it is.
std::string_view Authority(std::string_view origin) {
  const size_t scheme = origin.find("://");
  return scheme == std::string_view::npos ? origin : origin.substr(scheme + 3);
}

}  // namespace

bool IsForeignPage(const net::RequestHead& head) {
  const std::string_view origin = head.headers.Get("Origin");
  const std::string_view site = head.headers.Get("Sec-Fetch-Site");
  const bool browser = head.headers.Has("Origin") || head.headers.Has("Sec-Fetch-Site") ||
                       head.headers.Get("User-Agent").starts_with("Mozilla/");
  if (!browser) return false;
  if (site == "cross-site" || site == "same-site") return true;
  if (head.headers.Has("Origin") && Authority(origin) != head.host) return true;
  return !IsLoopbackName(WithoutPort(head.host));
}

}  // namespace hodei::access
