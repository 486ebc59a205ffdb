#include "cli/testing/imposter.h"

#include <gtest/gtest.h>

namespace hodei::cli {

Imposter::Imposter() {
  net::ServerOptions options;
  options.pool_threads = 4;
  auto server = net::HttpServer::Create(options, this);
  EXPECT_TRUE(server.ok()) << server.status();
  server_ = std::move(server).value();
  auto port = server_->ListenTcp("127.0.0.1", 0);
  EXPECT_TRUE(port.ok()) << port.status();
  port_ = port.value_or(0);
  Status started = server_->Start();
  EXPECT_TRUE(started.ok()) << started;
}

Imposter::~Imposter() { server_->Stop(std::chrono::milliseconds(100)); }

std::string Imposter::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

void Imposter::On(std::string method, std::string path_prefix, Answer answer) {
  std::lock_guard lock(mutex_);
  rules_.push_back({std::move(method), std::move(path_prefix), std::move(answer)});
}

void Imposter::On(std::string method, std::string path_prefix, int status, std::string json) {
  On(std::move(method), std::move(path_prefix), [status, json](const ImposterRequest&) {
    return net::TextResponse(status, "application/json", json);
  });
}

std::vector<ImposterRequest> Imposter::requests() const {
  std::lock_guard lock(mutex_);
  return requests_;
}

std::unique_ptr<net::RequestHandler> Imposter::Start(const net::RequestHead& head) {
  ImposterRequest request;
  request.method = head.method;
  request.path = head.path();
  request.query = head.query();
  request.headers = head.headers;
  constexpr size_t kBodyLimit = 64 << 20;
  return net::CollectBody(
      kBodyLimit, net::RequestHandler::Where::kPool,
      [this, request](std::string body) mutable {
        request.body = std::move(body);
        return Handle(std::move(request));
      },
      [](const Status& status) { return net::TextResponse(400, "text/plain", status.message()); });
}

net::HttpResponse Imposter::TransportError(int http_status, const std::string& message) {
  return net::TextResponse(http_status, "text/plain", message);
}

net::HttpResponse Imposter::Handle(ImposterRequest request) {
  Answer answer;
  {
    std::lock_guard lock(mutex_);
    requests_.push_back(request);
    for (const Rule& rule : rules_) {
      if (rule.method != request.method || request.path.rfind(rule.prefix, 0) != 0) continue;
      answer = rule.answer;
      break;
    }
  }
  if (answer) return answer(request);
  return net::TextResponse(404, "application/json",
                           R"({"error":{"code":404,"message":"Not found: )" + request.path +
                               R"(","status":"NOT_FOUND"}})");
}

}  // namespace hodei::cli
