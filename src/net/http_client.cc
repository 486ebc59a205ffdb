#include "net/http_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "net/client_transport.h"
#include "net/endpoint.h"
#include "net/http_parser.h"
#include "net/input_buffer.h"

namespace hodei::net {
namespace {

constexpr size_t kReadBytes = 64 * 1024;
constexpr HeadLimits kResponseLimits{.head_bytes = 256 * 1024, .target_bytes = 64 * 1024};
constexpr std::chrono::hours kLongestDeadline{24 * 365};  // keeps the sum within the clock's range

using Sink = std::function<Status(std::string_view)>;

bool IsIdempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" ||
         method == "OPTIONS";
}

// What one try at an exchange has done so far, for the decision to try again.
struct Progress {
  bool got_bytes = false;  // of the response
  bool used_source = false;
};

class Client final : public HttpClient {
 public:
  Client(std::string url, Endpoint endpoint, std::unique_ptr<ClientTls> tls)
      : url_(std::move(url)), endpoint_(std::move(endpoint)), tls_(std::move(tls)) {}

  Result<ClientResponse> Send(const ClientRequest& request, const Sink& sink,
                              std::chrono::milliseconds deadline) override;

 private:
  Result<ClientResponse> Try(const ClientRequest& request, const Sink& sink, TimePoint deadline,
                             Progress* progress);
  Status SendRequest(const ClientRequest& request, TimePoint deadline, bool* stopped,
                     Progress* progress);
  Status SendSource(const ClientRequest& request, TimePoint deadline, bool* stopped);
  std::string RenderHead(const ClientRequest& request) const;
  Result<ResponseHead> ReceiveHead(TimePoint deadline, Progress* progress);
  Status ReceiveBody(const ResponseHead& head, TimePoint deadline, const Sink& sink);
  Status ReceiveChunks(TimePoint deadline, const Sink& sink);
  Status ReceivePlain(std::optional<uint64_t> length, TimePoint deadline, const Sink& sink);
  Result<bool> Fill(TimePoint deadline);

  const std::string url_;
  const Endpoint endpoint_;
  const std::unique_ptr<ClientTls> tls_;
  std::unique_ptr<ClientTransport> connection_;
  InputBuffer in_;
};

Result<ClientResponse> Client::Send(const ClientRequest& request, const Sink& sink,
                                    std::chrono::milliseconds deadline) {
  const TimePoint until = std::chrono::steady_clock::now() +
                          std::min<std::chrono::milliseconds>(deadline, kLongestDeadline);
  if (!IsToken(request.method) || request.target.empty() ||
      std::any_of(request.target.begin(), request.target.end(),
                  [](unsigned char c) { return c <= 0x20 || c >= 0x7f; })) {
    return InvalidArgument(
        fmt::format("'{} {}' is not a well-formed request", request.method, request.target));
  }
  if (connection_ != nullptr && connection_->IsStale()) connection_.reset();
  const bool kept = connection_ != nullptr;
  Progress progress;
  Result<ClientResponse> response = Try(request, sink, until, &progress);
  if (!response.ok() && response.status().code() == Code::kUnavailable && kept &&
      !progress.got_bytes && !progress.used_source && IsIdempotent(request.method)) {
    response = Try(request, sink, until, &progress);
  }
  if (response.ok()) return response;
  return Annotate(response.status(), fmt::format("{} {}{}", request.method, url_, request.target));
}

Result<ClientResponse> Client::Try(const ClientRequest& request, const Sink& sink,
                                   TimePoint deadline, Progress* progress) {
  if (connection_ == nullptr) {
    auto connection = ClientTransport::Connect(endpoint_, tls_.get(), deadline);
    if (!connection.ok()) {
      Status status = Annotate(connection.status(), "cannot connect");
      return status.code() == Code::kUnavailable ? status.WithReason("connect") : status;
    }
    connection_ = std::move(connection).value();
    in_ = InputBuffer();
  }
  bool stopped = false;
  const Status sent = SendRequest(request, deadline, &stopped, progress);
  // A server may refuse a body it has not read and close: its answer is worth more than our error.
  Result<ResponseHead> head = sent.ok() || sent.code() == Code::kUnavailable
                                  ? ReceiveHead(deadline, progress)
                                  : Result<ResponseHead>(sent);
  if (!head.ok()) {
    connection_.reset();
    return sent.ok() ? head.status() : sent;
  }
  ClientResponse response;
  response.status = head->status;
  Status received;
  if (request.method != "HEAD" && head->status != 204 && head->status != 304) {
    Sink collect = [&response](std::string_view piece) {
      if (piece.size() > kBodyLimitBytes - response.body.size()) {
        return ResourceExhausted(
            fmt::format("the response is larger than {} bytes", kBodyLimitBytes));
      }
      response.body.append(piece);
      return OkStatus();
    };
    const bool wanted = sink && head->status / 100 == 2;
    received = ReceiveBody(*head, deadline, wanted ? sink : collect);
  }
  const bool keep = received.ok() && sent.ok() && !stopped && head->keep_alive && in_.empty();
  if (!keep) connection_.reset();
  if (!received.ok()) return received;
  response.headers = std::move(head->headers);
  return response;
}

std::string Client::RenderHead(const ClientRequest& request) const {
  std::string head = fmt::format(
      "{} {} HTTP/1.1\r\nHost: {}\r\n", request.method, request.target,
      request.headers.Has("Host") ? std::string(request.headers.Get("Host")) : endpoint_.authority);
  for (const auto& [name, value] : request.headers.fields()) {
    const bool ours = EqualsIgnoreCase(name, "Host") || EqualsIgnoreCase(name, "Connection") ||
                      EqualsIgnoreCase(name, "Content-Length") ||
                      EqualsIgnoreCase(name, "Transfer-Encoding");
    if (ours || !IsToken(name)) continue;
    head.append(name).append(": ");
    for (char c : value) head.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    head.append("\r\n");
  }
  const bool bodiless = request.method == "GET" || request.method == "HEAD";
  if (request.body_source && !request.body_length) {
    head.append("Transfer-Encoding: chunked\r\n");
  } else if (request.body_source) {
    head.append(fmt::format("Content-Length: {}\r\n", *request.body_length));
  } else if (!request.body.empty() || !bodiless) {
    head.append(fmt::format("Content-Length: {}\r\n", request.body.size()));
  }
  head.append("\r\n");
  return head;
}

Status Client::SendRequest(const ClientRequest& request, TimePoint deadline, bool* stopped,
                           Progress* progress) {
  constexpr size_t kJoinBytes = 64 * 1024;
  std::string head = RenderHead(request);
  if (request.body_source) {
    progress->used_source = true;
    RETURN_IF_ERROR(connection_->Send(head, deadline));
    return SendSource(request, deadline, stopped);
  }
  if (request.body.size() <= kJoinBytes) {
    head.append(request.body);
    return connection_->Send(head, deadline);
  }
  RETURN_IF_ERROR(connection_->Send(head, deadline));
  return connection_->Send(request.body, deadline, stopped);
}

Status Client::SendSource(const ClientRequest& request, TimePoint deadline, bool* stopped) {
  uint64_t sent = 0;
  while (!*stopped) {
    Result<std::string> piece = request.body_source();
    if (!piece.ok()) return Annotate(piece.status(), "read the body to send");
    sent += piece->size();
    if (request.body_length &&
        (sent > *request.body_length || (piece->empty() && sent < *request.body_length))) {
      return Aborted(fmt::format("the body to send has changed: {} bytes instead of {}", sent,
                                 *request.body_length));
    }
    if (request.body_length) {
      if (piece->empty()) return OkStatus();
      RETURN_IF_ERROR(connection_->Send(*piece, deadline, stopped));
      continue;
    }
    const bool last = piece->empty();
    const std::string chunk = fmt::format("{:x}\r\n{}\r\n", piece->size(), *piece);
    RETURN_IF_ERROR(connection_->Send(chunk, deadline, stopped));
    if (last) return OkStatus();
  }
  return OkStatus();
}

Result<bool> Client::Fill(TimePoint deadline) {
  in_.Reserve(std::max(kReadBytes, in_.size() * 2));
  ASSIGN_OR_RETURN(const size_t n,
                   connection_->Receive(in_.free_data(), in_.free_size(), deadline));
  in_.Commit(n);
  return n > 0;
}

Result<ResponseHead> Client::ReceiveHead(TimePoint deadline, Progress* progress) {
  while (true) {
    HeadScanner scanner(kResponseLimits);
    ParseState state = scanner.Scan(in_.view());
    while (state == ParseState::kNeedMore) {
      ASSIGN_OR_RETURN(const bool more, Fill(deadline));
      if (!more) return Unavailable("the server closed the connection before it answered");
      progress->got_bytes = true;
      state = scanner.Scan(in_.view());
    }
    ResponseHead head;
    if (state == ParseState::kError ||
        !ParseResponseHead(in_.view().substr(scanner.begin(), scanner.end() - scanner.begin()),
                           kResponseLimits, &head)) {
      return Internal("the server's answer is not HTTP/1.1");
    }
    in_.Consume(scanner.end());
    if (head.status >= 200) return head;
  }
}

Status Client::ReceiveBody(const ResponseHead& head, TimePoint deadline, const Sink& sink) {
  return head.chunked ? ReceiveChunks(deadline, sink)
                      : ReceivePlain(head.content_length, deadline, sink);
}

Status Client::ReceiveChunks(TimePoint deadline, const Sink& sink) {
  ChunkDecoder decoder;
  while (true) {
    const ChunkDecoder::Step step = decoder.Decode(in_.data(), in_.size());
    if (step.state == ParseState::kError) return DataLoss(step.message);
    if (step.produced > 0) RETURN_IF_ERROR(sink(in_.view().substr(0, step.produced)));
    in_.Consume(step.consumed);
    if (step.state == ParseState::kDone) return OkStatus();
    ASSIGN_OR_RETURN(const bool more, Fill(deadline));
    if (!more) return Unavailable("the server closed the connection within its answer");
  }
}

Status Client::ReceivePlain(std::optional<uint64_t> length, TimePoint deadline, const Sink& sink) {
  uint64_t left = length.value_or(~uint64_t{0});
  while (left > 0) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(in_.size(), left));
    if (n > 0) RETURN_IF_ERROR(sink(in_.view().substr(0, n)));
    in_.Consume(n);
    left -= n;
    if (left == 0) break;
    ASSIGN_OR_RETURN(const bool more, Fill(deadline));
    if (more) continue;
    if (!length) {
      connection_.reset();
      return OkStatus();
    }
    return Unavailable("the server closed the connection within its answer");
  }
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<HttpClient>> HttpClient::Connect(const std::string& url,
                                                        const std::string& ca_file) {
  ASSIGN_OR_RETURN(Endpoint endpoint, ParseEndpoint(url));
  std::unique_ptr<ClientTls> tls;
  if (endpoint.kind == Endpoint::Kind::kTls) {
    ASSIGN_OR_RETURN(tls, ClientTls::Make(ca_file));
  }
  std::string shown = url.ends_with("/") ? url.substr(0, url.size() - 1) : url;
  return std::unique_ptr<HttpClient>(
      std::make_unique<Client>(std::move(shown), std::move(endpoint), std::move(tls)));
}

}  // namespace hodei::net
