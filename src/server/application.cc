#include "server/application.h"

#include "base/status.h"
#include "wire/rest/error_envelope.h"

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

std::unique_ptr<net::RequestHandler> Answer(net::HttpResponse response) {
  return std::make_unique<FixedAnswer>(std::move(response));
}

std::unique_ptr<net::RequestHandler> Application::Start(const net::RequestHead& head) {
  for (const Surface& surface : surfaces_) {
    if (surface.owns(head)) return surface.start(head);
  }
  return Answer(
      wire::rest::ErrorResponse(404, "The requested URL was not found on this server.", true));
}

net::HttpResponse Application::TransportError(int http_status, const std::string& message) {
  return wire::rest::ErrorResponse(http_status, message, true);
}

Surface HealthSurface(const Health* health) {
  return {[](const net::RequestHead& head) { return head.path() == "/healthz"; },
          [health](const net::RequestHead& head) {
            if (head.method != "GET" && head.method != "HEAD") {
              return Answer(wire::rest::ErrorResponse(405, "Use GET.", true));
            }
            if (!health->problem().empty()) {
              return Answer(net::TextResponse(503, "text/plain; charset=utf-8", "degraded\n"));
            }
            return Answer(net::TextResponse(200, "text/plain; charset=utf-8", "ok\n"));
          }};
}

}  // namespace hodei::server
