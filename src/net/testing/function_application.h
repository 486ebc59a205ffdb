// An Application made of functions, for tests of the server and for imposters: real HTTP servers in
// the test process that play a remote system.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "net/http_server.h"

namespace hodei::net::testing {

class FunctionApplication : public Application {
 public:
  using Starter = std::function<std::unique_ptr<RequestHandler>(const RequestHead&)>;
  explicit FunctionApplication(Starter starter) : starter_(std::move(starter)) {}

  std::unique_ptr<RequestHandler> Start(const RequestHead& head) override { return starter_(head); }
  HttpResponse TransportError(int http_status, const std::string& message) override {
    return TextResponse(http_status, "text/plain", message);
  }

 private:
  const Starter starter_;
};

// A handler that collects the body and answers with what `handle` makes of it.
std::unique_ptr<RequestHandler> Reply(
    const RequestHead& head,
    std::function<HttpResponse(const RequestHead&, const std::string& body)> handle,
    RequestHandler::Where where = RequestHandler::Where::kInline);

// A server on a free loopback port that runs until it is destroyed.
class TestServer {
 public:
  explicit TestServer(FunctionApplication::Starter starter, ServerOptions options = {});

  HttpServer& server() { return *server_; }
  uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  FunctionApplication application_;
  std::unique_ptr<HttpServer> server_;
  uint16_t port_ = 0;
};

}  // namespace hodei::net::testing
