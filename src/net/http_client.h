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
  static constexpr size_t kBodyLimitBytes = 256 << 20;

  // `url`: "http://host:port", "https://host:port" or "unix:/path". For https, `ca_file` (PEM)
  // replaces the system's trust store when not empty. INVALID_ARGUMENT for another url. The
  // connection itself is made by the first Send() and again whenever it is needed.
  static Result<std::unique_ptr<HttpClient>> Connect(const std::string& url,
                                                     const std::string& ca_file = "");
  virtual ~HttpClient() = default;
  // Any HTTP status is OK. UNAVAILABLE when no connection can be made (reason "connect") or it
  // breaks, DEADLINE_EXCEEDED when the whole exchange takes longer than `deadline`; both name the
  // url. A request with an idempotent method is sent a second time when a kept connection turns out
  // to be closed. `sink` (may be empty) receives the body of a 2xx response piecewise; its error
  // stops reading and is returned. Other bodies, which are errors to read and not the thing asked
  // for, are collected; one over kBodyLimitBytes is an error.
  virtual Result<ClientResponse> Send(
      const ClientRequest& request, const std::function<Status(std::string_view)>& sink = {},
      std::chrono::milliseconds deadline = std::chrono::minutes(5)) = 0;
};

}  // namespace hodei::net
