#include "net/testing/function_application.h"

#include <cstdlib>
#include <iostream>

namespace hodei::net::testing {
namespace {

constexpr size_t kBodyLimitBytes = 64 << 20;

}  // namespace

std::unique_ptr<RequestHandler> Reply(
    const RequestHead& head,
    std::function<HttpResponse(const RequestHead&, const std::string& body)> handle,
    RequestHandler::Where where) {
  return CollectBody(
      kBodyLimitBytes, where,
      [head, handle = std::move(handle)](const std::string& body) { return handle(head, body); },
      [](const Status& status) {
        return TextResponse(HttpStatus(status.code()), "text/plain", status.message());
      });
}

TestServer::TestServer(FunctionApplication::Starter starter, ServerOptions options)
    : application_(std::move(starter)) {
  Result<std::unique_ptr<HttpServer>> server = HttpServer::Create(options, &application_);
  Result<uint16_t> port = server.ok() ? (*server)->ListenTcp("127.0.0.1", 0) : server.status();
  const Status started = port.ok() ? (*server)->Start() : port.status();
  if (!started.ok()) {
    std::cerr << "test server: " << started << "\n";
    std::abort();
  }
  server_ = std::move(*server);
  port_ = *port;
}

}  // namespace hodei::net::testing
