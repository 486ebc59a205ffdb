// Where a client connects to: the parsed form of "http://host:port", "https://host:port" and
// "unix:/path".
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace hodei::net {

struct Endpoint {
  enum class Kind { kTcp, kTls, kUnix };
  Kind kind = Kind::kTcp;
  std::string host;  // without brackets; the path for kUnix
  uint16_t port = 0;
  std::string authority;  // the Host header's value
};

// A trailing "/" is fine, any other path is INVALID_ARGUMENT.
Result<Endpoint> ParseEndpoint(const std::string& url);

}  // namespace hodei::net
