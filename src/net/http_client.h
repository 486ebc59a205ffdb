// A blocking HTTP/1.1 client for the command line and for tests: keep-alive, TLS, unix sockets,
// streaming both ways. One thread at a time per client; make one client per thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "net/http_message.h"

namespace hodei::net {

struct ClientRequest {
  std::string method = "GET";
  std::string target = "/";  // origin-form
  Headers headers;           // Host, Content-Length and Connection are added
  std::string body;
  // When set, sent instead of `body`: called until it returns an empty piece; sent chunked unless
  // `body_length` is given.
  std::function<Result<std::string>()> body_source;
  std::optional<uint64_t> body_length;
};

struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;  // empty when a sink took it
};

class HttpClient {
 public:
  // `url`: "http://host:port", "https://host:port" or "unix:/path". For https, `ca_file` (PEM)
  // replaces the system's trust store when not empty.
  static Result<std::unique_ptr<HttpClient>> Connect(const std::string& url,
                                                     const std::string& ca_file = "");
  virtual ~HttpClient() = default;
  // UNAVAILABLE when no connection can be made, with the url in the message. Any HTTP status is OK.
  // `sink` (may be empty) receives the response body piecewise; a sink error stops reading.
  virtual Result<ClientResponse> Send(
      const ClientRequest& request, const std::function<Status(std::string_view)>& sink = {},
      std::chrono::milliseconds deadline = std::chrono::minutes(5)) = 0;
};

}  // namespace hodei::net
