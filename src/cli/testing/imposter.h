// A real HTTP server in the test process, scripted by the test.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "net/http_server.h"

namespace hodei::cli {

struct ImposterRequest {
  std::string method;
  std::string path;   // raw, without the query
  std::string query;  // raw
  net::Headers headers;
  std::string body;
};

// Answers requests by the first rule whose method and path prefix match; 404 otherwise. Keeps all
// requests. Thread-safe.
class Imposter : private net::Application {
 public:
  using Answer = std::function<net::HttpResponse(const ImposterRequest&)>;
  Imposter();
  ~Imposter() override;

  void On(std::string method, std::string path_prefix, Answer answer);
  // A JSON answer, always the same.
  void On(std::string method, std::string path_prefix, int status, std::string json);
  std::string url() const;
  std::vector<ImposterRequest> requests() const;

 private:
  struct Rule {
    std::string method;
    std::string prefix;
    Answer answer;
  };
  std::unique_ptr<net::RequestHandler> Start(const net::RequestHead& head) override;
  net::HttpResponse TransportError(int http_status, const std::string& message) override;
  net::HttpResponse Handle(ImposterRequest request);

  mutable std::mutex mutex_;
  std::vector<Rule> rules_;
  std::vector<ImposterRequest> requests_;
  uint16_t port_ = 0;
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace hodei::cli
