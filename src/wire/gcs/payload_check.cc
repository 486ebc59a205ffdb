#include "wire/gcs/payload_check.h"

#include "base/digest.h"
#include "base/encoding.h"
#include "wire/gcs/gcs_api.h"

namespace hodei::wire::gcs {
namespace {

class PayloadCheck : public net::RequestHandler {
 public:
  PayloadCheck(std::unique_ptr<net::RequestHandler> inner, std::shared_ptr<const Request> request,
               std::string expected)
      : inner_(std::move(inner)), request_(std::move(request)), expected_(std::move(expected)) {}

  Where where() const override { return inner_->where(); }
  // An empty body must be hashed too.
  bool wants_body() const override { return inner_->wants_body(); }
  Status OnBody(std::string_view piece) override {
    digest_.Update(piece);
    return inner_->OnBody(piece);
  }
  net::HttpResponse OnEnd() override {
    if (HexEncode(digest_.Final()) == expected_) return inner_->OnEnd();
    // The inner handler dies without having been told that the body is complete.
    return GcsApi::ErrorFor(
        *request_,
        InvalidArgument("The provided 'x-goog-content-sha256' header does not match what was "
                        "computed.")
            .WithReason("contentSha256Mismatch"));
  }
  net::HttpResponse OnError(const Status& status) override { return inner_->OnError(status); }
  void OnAbort() override { inner_->OnAbort(); }

 private:
  const std::unique_ptr<net::RequestHandler> inner_;
  const std::shared_ptr<const Request> request_;
  const std::string expected_;
  DigestStream digest_{DigestStream::Kind::kSha256};
};

}  // namespace

std::unique_ptr<net::RequestHandler> CheckPayload(std::unique_ptr<net::RequestHandler> handler,
                                                  std::shared_ptr<const Request> request,
                                                  std::string sha256_hex) {
  return std::make_unique<PayloadCheck>(std::move(handler), std::move(request),
                                        std::move(sha256_hex));
}

}  // namespace hodei::wire::gcs
