#include "server/application.h"

#include <fmt/format.h>

#include "base/status.h"
#include "wire/json/print_json.h"

namespace hodei::server {
namespace {

// A body that nobody reads is drained up to this size, so that the connection can be used again.
constexpr size_t kIgnoredBodyBytes = 64 * 1024;

class FixedAnswer : public net::RequestHandler {
 public:
  explicit FixedAnswer(net::HttpResponse response) : response_(std::move(response)) {}
  Where where() const override { return Where::kInline; }
  Status OnBody(std::string_view piece) override {
    seen_ += piece.size();
    return seen_ > kIgnoredBodyBytes ? ResourceExhausted("the request's body is not wanted here")
                                     : OkStatus();
  }
  net::HttpResponse OnEnd() override { return std::move(response_); }
  net::HttpResponse OnError(const Status&) override {
    response_.close = true;
    return std::move(response_);
  }

 private:
  net::HttpResponse response_;
  size_t seen_ = 0;
};

}  // namespace

net::HttpResponse ErrorResponse(int http_status, std::string_view status_name,
                                const std::string& message) {
  std::string body = fmt::format("{{\"error\":{{\"code\":{},\"message\":", http_status);
  wire::AppendJsonString(message, &body);
  body += fmt::format(",\"status\":\"{}\"}}}}\n", status_name);
  return net::TextResponse(http_status, "application/json; charset=UTF-8", std::move(body));
}

std::unique_ptr<net::RequestHandler> Answer(net::HttpResponse response) {
  return std::make_unique<FixedAnswer>(std::move(response));
}

std::unique_ptr<net::RequestHandler> Application::Start(const net::RequestHead& head) {
  for (const Surface& surface : surfaces_) {
    if (surface.owns(head)) return surface.start(head);
  }
  return Answer(ErrorResponse(404, "NOT_FOUND", "The requested URL was not found on this server."));
}

net::HttpResponse Application::TransportError(int http_status, const std::string& message) {
  return ErrorResponse(http_status, CodeName(CodeFromHttpStatus(http_status)), message);
}

Surface HealthSurface() {
  return {[](const net::RequestHead& head) { return head.path() == "/healthz"; },
          [](const net::RequestHead& head) {
            if (head.method != "GET" && head.method != "HEAD") {
              return Answer(ErrorResponse(405, "INVALID_ARGUMENT", "Use GET."));
            }
            return Answer(net::TextResponse(200, "text/plain; charset=utf-8", "ok\n"));
          }};
}

}  // namespace hodei::server
