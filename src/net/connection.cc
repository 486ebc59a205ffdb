#include "net/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <exception>

#include "net/file_slice.h"

namespace hodei::net {
namespace {

namespace asio = boost::asio;

constexpr size_t kFirstReadBytes = 4 * 1024;    // holds nearly every head
constexpr size_t kIdleBufferBytes = 16 * 1024;  // more is given back between requests
// A stream that has waited so long for its next piece is cut when the server stops.
constexpr int64_t kStreamStopMs = 500;

}  // namespace

Connection::Connection(ServerCore* core, IoThread* io, std::unique_ptr<Transport> transport,
                       Peer peer)
    : core_(core),
      io_(io),
      transport_(std::move(transport)),
      signal_timer_(io->context()),
      limits_{.head_bytes = core->options.head_limit_bytes,
              .target_bytes = core->options.target_limit_bytes,
              .direct_client = !peer.socket_label.empty()},
      scanner_(limits_) {
  head_.peer = std::move(peer);
}

void Connection::Serve(std::shared_ptr<Connection> self) {
  auto executor = self->io_->context().get_executor();
  auto run = Run(std::move(self));
  asio::co_spawn(executor, std::move(run), asio::detached);
}

Awaitable<void> Connection::Run(std::shared_ptr<Connection> self) {
  self->io_->Add(self.get());
  try {
    co_await self->ServeRequests();
  } catch (const std::exception&) {
    // Out of memory, or Asio's own failure: this connection ends, the others go on.
    self->cut_ = true;
  }
  while (self->call_running_) {
    co_await self->WaitSignal();
  }
  if (self->mailbox_ != nullptr) self->mailbox_->Close();
  self->AbortHandler();
  self->io_->Remove(self.get());
  boost::system::error_code ignored;
  self->transport_->socket().close(ignored);
  self->core_->ConnectionEnded();
}

Awaitable<void> Connection::ServeRequests() {
  bool going_on = true;
  if (head_.peer.tls) {
    Arm(Phase::kHandshake, core_->options.head_deadline);
    going_on = co_await transport_->Handshake();
  }
  bool linger = false;
  while (going_on) {
    BeginHead();
    HeadEnd head = ScanHead();
    while (head == HeadEnd::kNeedMore) {
      in_.Reserve(std::max(kFirstReadBytes, in_.size() * 2));
      const size_t n = co_await transport_->ReadSome(in_.free_data(), in_.free_size());
      in_.Commit(n);
      head = n > 0 ? ScanHead() : EndOfInput();
    }
    if (head == HeadEnd::kGone) break;
    if (head == HeadEnd::kComplete) {
      BeginRequest();
    } else {
      RefuseRequest();
    }
    if (AnswerAtOnce()) {
      going_on = !sending_.close;
    } else {
      going_on = co_await HandleRequest();
    }
    linger = !going_on;
    first_request_ = false;
  }
  if (linger && !cut_) co_await Linger();
}

void Connection::BeginHead() {
  scanner_.Reset();
  in_.ShrinkTo(kIdleBufferBytes);
  if (first_request_) {
    Arm(Phase::kIdle, core_->options.head_deadline);
  } else if (in_.empty()) {
    Arm(Phase::kIdle, core_->options.idle_deadline);
  }
}

Connection::HeadEnd Connection::ScanHead() {
  if (in_.empty()) {
    return core_->stopping.load(std::memory_order_relaxed) ? HeadEnd::kGone : HeadEnd::kNeedMore;
  }
  if (phase_ != Phase::kHead) Arm(Phase::kHead, core_->options.head_deadline);
  const ParseState state = scanner_.Scan(in_.view());
  if (state == ParseState::kNeedMore) return HeadEnd::kNeedMore;
  if (state == ParseState::kError) return RefuseHead(scanner_.http_status(), scanner_.message());
  const std::string_view bytes =
      in_.view().substr(scanner_.begin(), scanner_.end() - scanner_.begin());
  framing_ = ParseRequestHead(bytes, limits_, &head_);
  in_.Consume(scanner_.end());
  return framing_.http_status == 0 ? HeadEnd::kComplete : HeadEnd::kRefused;
}

Connection::HeadEnd Connection::RefuseHead(int http_status, const char* message) {
  framing_ = RequestFraming();
  framing_.http_status = http_status;
  framing_.message = message;
  return HeadEnd::kRefused;
}

Connection::HeadEnd Connection::EndOfInput() {
  if (!timed_out_ || phase_ != Phase::kHead || cut_) return HeadEnd::kGone;
  timed_out_ = false;
  return RefuseHead(408, "the request's head took too long");
}

bool Connection::StartHandler() {
  try {
    handler_ = core_->application->Start(head_);
  } catch (const std::exception&) {
    handler_ = nullptr;
  }
  if (handler_ == nullptr) return false;
  on_pool_ = handler_->where() == RequestHandler::Where::kPool;
  return true;
}

void Connection::BeginRequest() {
  Disarm(Phase::kHandler);
  io_->request_ids().Next(&head_.request_id);
  chunks_ = ChunkDecoder();
  body_left_ = head_.content_length.value_or(0);
  body_complete_ = !head_.has_body;
  continue_pending_ = head_.has_body && framing_.expect_continue;
  sending_ = Sending();
  if (!StartHandler()) {
    response_ = core_->application->TransportError(500, "internal error");
  } else if (on_pool_ && core_->pool->Full()) {
    handler_.reset();
    response_ = core_->application->TransportError(503, "too many requests at once; try again");
    response_.headers.Set("Retry-After", "1");
  }
}

void Connection::RefuseRequest() {
  Disarm(Phase::kHandler);
  io_->request_ids().Next(&head_.request_id);
  head_.method.clear();  // may hold the previous request's HEAD
  body_complete_ = false;
  sending_ = Sending();
  response_ = core_->application->TransportError(framing_.http_status, framing_.message);
  response_.close = true;
}

bool Connection::AnswerAtOnce() {
  if (handler_ != nullptr) {
    if (on_pool_ || !body_complete_ || handler_->answers_later()) return false;
    PerformCall(Call::kEnd);
  }
  RenderResponse();
  if (!sending_.only_out || sending_.skip_body) return false;
  std::string_view rest = out_;
  std::string_view none;
  if (transport_->WriteNow(&rest, &none, false) != static_cast<IoCount>(out_.size())) {
    // What was sent must not be sent again; an error shows itself to the next write.
    out_.erase(0, out_.size() - rest.size());
    return false;
  }
  response_ = HttpResponse();
  return true;
}

Awaitable<bool> Connection::HandleRequest() {
  bool failed = false;
  if (handler_ != nullptr && !body_complete_ && handler_->wants_body()) {
    const BodyEnd end = co_await ReceiveBody();
    if (end == BodyEnd::kGone) {
      AbortHandler();
      co_return false;
    }
    failed = end == BodyEnd::kFailed;
  }
  if (handler_ != nullptr) {
    const Call call = failed ? Call::kError : Call::kEnd;
    if (on_pool_) {
      co_await CallOnPool(call);
    } else if (call == Call::kEnd && handler_->answers_later()) {
      co_await AnswerLater();
    } else {
      PerformCall(call);
    }
  }
  if (!sending_.rendered) RenderResponse();
  const bool going_on = co_await Respond();
  co_return going_on;
}

Awaitable<void> Connection::AnswerLater() {
  answered_ = false;
  later_ = std::make_shared<LaterAnswer>(io_, [this](HttpResponse response) {
    response_ = std::move(response);
    answered_ = true;
    Signal();
  });
  try {
    handler_->OnEndLater(&io_->backends(), LaterAnswer::Callback(later_));
  } catch (const std::exception&) {
    response_ = core_->application->TransportError(500, "internal error");
    answered_ = true;
  }
  while (!answered_ && !cut_) {
    co_await WaitSignal();
  }
  signalled_ = false;
  later_->Close();
  later_.reset();
  handler_.reset();
}

Awaitable<void> Connection::Linger() {
  Arm(Phase::kLinger, core_->options.drain_deadline);
  co_await transport_->Shutdown();
  StreamSocket& socket = transport_->socket();
  ::shutdown(socket.native_handle(), SHUT_WR);
  // Closing with unread bytes makes the kernel send a reset, which may overtake our answer.
  if (body_complete_ && in_.empty() && !transport_->HasPending()) co_return;
  size_t left = core_->options.drain_limit_bytes;
  in_.Consume(in_.size());
  in_.Reserve(kIdleBufferBytes);
  while (left > 0 && !cut_) {
    boost::system::error_code error;
    auto token = asio::redirect_error(kUseAwaitable, error);
    auto buffer = asio::buffer(in_.free_data(), in_.free_size());
    const size_t n = co_await socket.async_read_some(buffer, token);
    if (error) break;
    left -= std::min(left, n);
  }
}

void Connection::PerformCall(Call call) {
  try {
    switch (call) {
      case Call::kBody:
        call_status_ = handler_->OnBody(piece_);
        return;
      case Call::kEnd:
        response_ = handler_->OnEnd();
        break;
      case Call::kError:
        response_ = handler_->OnError(call_status_);
        break;
      case Call::kNextPiece:
        stream_->Next(StreamMailbox::Callback(mailbox_));
        return;
      case Call::kReadAhead:
        ReadAheadSlice(file_->fd.get(), file_offset_, kSliceBytes);
        return;
    }
  } catch (const std::exception&) {
    // A handler's bug must not take the server along; the edge has logged nothing, so the request
    // id in the answer is what connects the two.
    if (call == Call::kBody) {
      call_status_ = Internal("internal error");
      return;
    }
    if (call == Call::kNextPiece) {
      StreamMailbox::Callback(mailbox_)(Internal("internal error"));
      return;
    }
    response_ = core_->application->TransportError(500, "internal error");
  }
  handler_.reset();
}

void Connection::SubmitCall(Call call) {
  call_running_ = true;
  core_->pool->Submit([self = shared_from_this(), call]() mutable {
    self->PerformCall(call);
    IoThread* io = self->io_;
    io->Post([self = std::move(self)] {
      self->call_running_ = false;
      self->Signal();
    });
  });
}

Awaitable<void> Connection::CallOnPool(Call call) {
  SubmitCall(call);
  while (call_running_) {
    co_await WaitSignal();
  }
}

Awaitable<void> Connection::WaitSignal() {
  boost::system::error_code error;
  auto token = asio::redirect_error(kUseAwaitable, error);
  if (!signalled_) {
    signal_timer_.expires_at(Timer::time_point::max());
    co_await signal_timer_.async_wait(token);
  }
  signalled_ = false;
}

void Connection::Signal() {
  signalled_ = true;
  signal_timer_.cancel();
}

void Connection::Arm(Phase phase, std::chrono::milliseconds deadline) {
  phase_ = phase;
  phase_since_ms_ = CoarseNowMs();
  deadline_ms_ = phase_since_ms_ + deadline.count();
}

void Connection::Disarm(Phase phase) {
  phase_ = phase;
  deadline_ms_ = 0;
}

void Connection::Sweep(int64_t now_ms) {
  if (cut_) return;
  const bool late = deadline_ms_ != 0 && now_ms > deadline_ms_;
  if (late && phase_ == Phase::kHead && !timed_out_) {
    timed_out_ = true;  // the read fails, and the connection answers 408
    boost::system::error_code ignored;
    transport_->socket().cancel(ignored);
    return;
  }
  if (phase_ == Phase::kStreamWait && unread_bytes_hide_peer_) {
    pollfd peer{transport_->fd(), POLLRDHUP, 0};
    if (poll(&peer, 1, 0) > 0) peer_gone_ = true;
  }
  const bool stopping = core_->stopping.load(std::memory_order_relaxed);
  const bool unused = phase_ == Phase::kIdle ||
                      (phase_ == Phase::kStreamWait && now_ms - phase_since_ms_ > kStreamStopMs);
  if (late || peer_gone_ || (stopping && unused)) Cut();
}

void Connection::Cut() {
  if (cut_) return;
  cut_ = true;
  StreamSocket& socket = transport_->socket();
  ::shutdown(socket.native_handle(), SHUT_RDWR);
  boost::system::error_code ignored;
  socket.cancel(ignored);
  Signal();
}

}  // namespace hodei::net
