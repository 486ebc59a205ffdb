// The sockets of running jobs, told apart by their labels (docs/decisions/0003, 0035):
//   "job:NAME"   the job's own API address: without a credential, a request is the job's
//   "web:NAME"   the private names over HTTP
//   "tls:NAME"   the same over TLS
// Through the latter two a request without a credential is nobody's, as with the original, so that
// what works there without one works for everybody. NAME is "projects/P/jobs/J".
#pragma once

#include <string>
#include <string_view>

namespace hodei::access {

inline constexpr std::string_view kJobSocket = "job:";
inline constexpr std::string_view kWebSocket = "web:";
inline constexpr std::string_view kTlsSocket = "tls:";

struct JobPeer {
  std::string_view job;        // empty: no job's socket
  bool private_names = false;  // it came through the private names
};

inline JobPeer JobPeerOf(std::string_view label) {
  for (const std::string_view kind : {kJobSocket, kWebSocket, kTlsSocket}) {
    if (label.starts_with(kind)) return {label.substr(kind.size()), kind != kJobSocket};
  }
  return {};
}

}  // namespace hodei::access
