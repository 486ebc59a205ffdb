#include <fmt/format.h>

#include <utility>

#include "net/http_server.h"

namespace hodei::net {
namespace {

class CollectingHandler : public RequestHandler {
 public:
  CollectingHandler(size_t limit_bytes, Where where,
                    std::function<HttpResponse(std::string body)> handle,
                    std::function<HttpResponse(const Status&)> error)
      : limit_bytes_(limit_bytes),
        where_(where),
        handle_(std::move(handle)),
        error_(std::move(error)) {}

  Where where() const override { return where_; }

  Status OnBody(std::string_view piece) override {
    if (piece.size() > limit_bytes_ - body_.size()) {
      Status too_large =
          ResourceExhausted(fmt::format("the request body is larger than {} bytes", limit_bytes_));
      return too_large.WithReason("bodyTooLarge");
    }
    body_.append(piece);
    return OkStatus();
  }

  HttpResponse OnEnd() override { return handle_(std::move(body_)); }
  HttpResponse OnError(const Status& status) override { return error_(status); }

 private:
  const size_t limit_bytes_;
  const Where where_;
  const std::function<HttpResponse(std::string body)> handle_;
  const std::function<HttpResponse(const Status&)> error_;
  std::string body_;
};

}  // namespace

std::unique_ptr<RequestHandler> CollectBody(size_t limit_bytes, RequestHandler::Where where,
                                            std::function<HttpResponse(std::string body)> handle,
                                            std::function<HttpResponse(const Status&)> error) {
  return std::make_unique<CollectingHandler>(limit_bytes, where, std::move(handle),
                                             std::move(error));
}

}  // namespace hodei::net
