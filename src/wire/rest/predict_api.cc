#include "wire/rest/predict_api.h"

#include <fmt/format.h>

#include <thread>
#include <utility>

#include "base/encoding.h"
#include "wire/rest/call.h"
#include "wire/rest/error_envelope.h"

namespace hodei::wire::rest {
namespace {

using service::PredictionService;

constexpr std::string_view kPrefix = "/v1/projects/";
constexpr std::string_view kRoot = "/v1/";
constexpr std::string_view kVerb = ":predict";
constexpr std::string_view kMetricsPath = "/metrics";
constexpr size_t kContentTypeMaxBytes = 256;
// The node gives up after a minute and says so; a second later so do we.
constexpr std::chrono::seconds kAnswerDeadline{61};

// What an answer needs to know of its request; outlives the handler when the client has gone.
struct PredictCall {
  const PredictionService* service;
  const Clock* clock;
  net::BackendCaller* backends;
  PredictionService::Target target;
  std::string principal;
  std::string request_id;
  std::string content_type;
  std::string body;
  size_t body_bytes = 0;
  Nanoseconds start{};
  std::function<void(net::HttpResponse)> done;

  void Answer(int status, std::string content_type_of_answer, std::string answer) {
    service->Record(target, {.http_status = status,
                             .latency = clock->Monotonic() - start,
                             .request_bytes = body_bytes,
                             .request = body,
                             .response = answer,
                             .principal = principal});
    net::HttpResponse response;
    response.status = status;
    response.headers.Add("Content-Type", std::move(content_type_of_answer));
    response.body = std::move(answer);
    done(std::move(response));
  }

  void Fail(const Status& status) {
    net::HttpResponse response = ErrorResponse(ForClient(status, request_id), true);
    if (status.code() == Code::kResourceExhausted || status.code() == Code::kUnavailable) {
      response.headers.Set("Retry-After", "1");
    }
    service->Record(target, {.http_status = response.status,
                             .latency = clock->Monotonic() - start,
                             .request_bytes = body_bytes,
                             .request = body,
                             .response = "",
                             .principal = principal});
    done(std::move(response));
  }
};

// A node that failed is no internal error of ours: the client may try again.
Status ForFailedNode(const Status& status) {
  if (status.code() == Code::kDeadlineExceeded) {
    return DeadlineExceeded("Prediction failed: the model did not answer within 60 seconds.");
  }
  if (status.code() == Code::kResourceExhausted) return status;
  return Unavailable(
      "Prediction failed: the version's serving program ended while it handled the request.");
}

void Send(const std::shared_ptr<PredictCall>& call, serving::Lease lease) {
  net::BackendRequest request;
  request.backend = lease.node().key;
  request.socket = lease.node().socket.get();
  request.deadline = kAnswerDeadline;
  request.head = fmt::format(
      "POST /predict HTTP/1.1\r\nHost: model\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
      call->content_type, call->body.size());
  // Kept for the log only when somebody asked for it.
  const bool logged = call->target.version->version().has_request_logging_config();
  request.body = logged ? call->body : std::exchange(call->body, std::string());
  auto held = std::make_shared<serving::Lease>(std::move(lease));
  net::BackendCaller* backends = call->backends;
  backends->Call(std::move(request), [call, held](Result<net::BackendResponse> answer) {
    const bool answered = answer.ok() && answer->status >= 200 && answer->status <= 599;
    held->Finish(answered);
    if (!answered) return call->Fail(ForFailedNode(answer.status()));
    call->Answer(
        answer->status,
        answer->content_type.empty() ? "application/json" : std::move(answer->content_type),
        std::move(answer->body));
  });
}

class PredictHandler : public net::RequestHandler {
 public:
  explicit PredictHandler(std::shared_ptr<PredictCall> call, std::optional<uint64_t> length)
      : call_(std::move(call)) {
    if (length && *length <= kPredictBodyMaxBytes) {
      call_->body.reserve(static_cast<size_t>(*length));
    }
  }

  Where where() const override { return Where::kInline; }
  bool answers_later() const override { return true; }

  Status OnBody(std::string_view piece) override {
    if (piece.size() > kPredictBodyMaxBytes - call_->body.size()) {
      return ResourceExhausted(
          fmt::format("Request payload size exceeds the limit: {} bytes.", kPredictBodyMaxBytes));
    }
    call_->body.append(piece);
    return OkStatus();
  }

  net::HttpResponse OnEnd() override { return OnError(Internal("a prediction answers later")); }
  net::HttpResponse OnError(const Status& status) override {
    const bool large = status.code() == Code::kResourceExhausted;
    net::HttpResponse response =
        ErrorResponse(large ? 413 : HttpStatus(status.code()), status.message(), true);
    response.close = true;
    return response;
  }

  void OnEndLater(net::BackendCaller* backends,
                  std::function<void(net::HttpResponse)> done) override {
    std::shared_ptr<PredictCall> call = std::move(call_);
    call->backends = backends;
    call->body_bytes = call->body.size();
    call->done = std::move(done);
    serving::Gate* gate = call->target.gate.get();
    gate->Acquire([call, here = std::this_thread::get_id()](Result<serving::Lease> lease) {
      if (!lease.ok()) return call->Fail(lease.status());
      if (std::this_thread::get_id() == here) return Send(call, std::move(*lease));
      auto held = std::make_shared<serving::Lease>(std::move(*lease));
      call->backends->Post([call, held] { Send(call, std::move(*held)); });
    });
  }

 private:
  std::shared_ptr<PredictCall> call_;
};

std::unique_ptr<net::RequestHandler> Refuse(const Status& status, const std::string& request_id) {
  return std::make_unique<Refusal>(ErrorResponse(ForClient(status, request_id), true));
}

}  // namespace

bool PredictApi::Owns(const net::RequestHead& head) {
  const std::string_view path = head.path();
  if (path == kMetricsPath) return true;
  return head.method == "POST" && path.starts_with(kPrefix) && path.ends_with(kVerb) &&
         path.find("/models/") != std::string_view::npos;
}

std::unique_ptr<net::RequestHandler> PredictApi::Start(const net::RequestHead& head) const {
  return head.path() == kMetricsPath ? StartMetrics(head) : StartPredict(head);
}

std::unique_ptr<net::RequestHandler> PredictApi::StartPredict(const net::RequestHead& head) const {
  Result<access::Principal> principal = authenticator_->Authenticate(head);
  if (!principal.ok()) return Refuse(principal.status(), head.request_id);
  std::string_view path = head.path();
  path.remove_prefix(kRoot.size());
  path.remove_suffix(kVerb.size());
  const Result<std::string> name = PercentDecode(path);
  if (!name.ok()) return Refuse(name.status(), head.request_id);
  Result<PredictionService::Target> target = service_->Find(*principal, *name);
  if (!target.ok()) return Refuse(target.status(), head.request_id);
  if (head.content_length.value_or(0) > kPredictBodyMaxBytes) {
    return std::make_unique<Refusal>(ErrorResponse(
        413, fmt::format("Request payload size exceeds the limit: {} bytes.", kPredictBodyMaxBytes),
        true));
  }
  auto call = std::make_shared<PredictCall>();
  call->service = service_;
  call->clock = clock_;
  call->target = std::move(*target);
  call->principal = std::move(principal->email);
  call->request_id = head.request_id;
  call->content_type = head.headers.Get("Content-Type").substr(0, kContentTypeMaxBytes);
  if (call->content_type.empty()) call->content_type = "application/json";
  call->start = clock_->Monotonic();
  return std::make_unique<PredictHandler>(std::move(call), head.content_length);
}

std::unique_ptr<net::RequestHandler> PredictApi::StartMetrics(const net::RequestHead& head) const {
  Result<access::Principal> principal = authenticator_->Authenticate(head);
  if (!principal.ok()) return Refuse(principal.status(), head.request_id);
  if (head.method != "GET") return Refuse(InvalidArgument("Use GET."), head.request_id);
  return net::CollectBody(
      0, net::RequestHandler::Where::kPool,
      [this, principal = std::move(*principal)](std::string) {
        return net::TextResponse(200, "text/plain; version=0.0.4; charset=utf-8",
                                 service_->Metrics(principal));
      },
      [](const Status& status) { return ErrorResponse(status, true); });
}

}  // namespace hodei::wire::rest
