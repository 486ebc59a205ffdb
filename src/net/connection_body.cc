// Request bodies: received piece by piece, decoded in place, given to the handler in order.
#include <algorithm>

#include "net/connection.h"

namespace hodei::net {
namespace {

constexpr size_t kBodyReadBytes = 16 * 1024;  // the first read of a body of unknown length
// A body that the answer does not need is read away up to here, to keep the connection.
constexpr uint64_t kSkipLimitBytes = 256 * 1024;

}  // namespace

size_t Connection::NextPiece() {
  if (!framing_.chunked) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(in_.size(), body_left_));
    body_left_ -= n;
    body_complete_ = body_left_ == 0;
    piece_ = in_.view().substr(0, n);
    return n;
  }
  const ChunkDecoder::Step step = chunks_.Decode(in_.data(), in_.size());
  if (step.state == ParseState::kError) {
    call_status_ = InvalidArgument(std::string("malformed chunked body: ") + step.message);
  }
  body_complete_ = step.state == ParseState::kDone;
  piece_ = in_.view().substr(0, step.produced);
  return step.consumed;
}

Awaitable<bool> Connection::ReadMoreBody() {
  if (continue_pending_) {
    continue_pending_ = false;
    const std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    const std::string_view none;
    const bool sent = co_await SendBytes(go_on, none, false);
    if (!sent) co_return false;
  }
  Arm(Phase::kBody, core_->options.body_piece_deadline);
  const size_t piece_bytes = std::max(core_->options.body_piece_bytes, kBodyReadBytes);
  size_t wanted = piece_bytes;
  if (!framing_.chunked) {
    // Up to a multiple of the piece, counted from the body's start: the page cache keeps what is
    // written so in large folios, which are cheaper to send (1 GiB: a tenth of the time).
    const uint64_t taken = head_.content_length.value_or(0) - body_left_;
    wanted = piece_bytes - static_cast<size_t>(taken % piece_bytes);
    wanted = static_cast<size_t>(std::min<uint64_t>(wanted, body_left_));
  }
  in_.Reserve(wanted);
  bool more = true;
  // Fewer, larger pieces: each may cost a trip to the pool.
  while (more) {
    const size_t room = std::min(in_.free_size(), wanted - in_.size());
    const size_t n = co_await transport_->ReadSome(in_.free_data(), room);
    if (n == 0) co_return !in_.empty() && !cut_;
    in_.Commit(n);
    more = in_.size() < wanted && transport_->HasPending();
  }
  co_return true;
}

Awaitable<Connection::BodyEnd> Connection::ReceiveBody() {
  call_status_ = OkStatus();
  while (!body_complete_) {
    if (in_.empty()) {
      const bool received = co_await ReadMoreBody();
      if (!received) co_return BodyEnd::kGone;
    }
    continue_pending_ = false;
    const size_t used = NextPiece();
    if (call_status_.ok() && !piece_.empty()) {
      Disarm(Phase::kHandler);
      if (on_pool_) {
        co_await CallOnPool(Call::kBody);
      } else {
        PerformCall(Call::kBody);
      }
    }
    in_.Consume(used);
    if (!call_status_.ok()) co_return BodyEnd::kFailed;
  }
  co_return BodyEnd::kComplete;
}

bool Connection::CanSkipBody() const {
  // Without "100 Continue" nobody knows whether the client sends the body at all (RFC 9110,
  // 10.1.1); after malformed chunks nobody knows where the next request starts.
  return !framing_.chunked && !continue_pending_ && body_left_ <= kSkipLimitBytes;
}

Awaitable<bool> Connection::SkipBody() {
  while (!body_complete_) {
    if (in_.empty()) {
      const bool received = co_await ReadMoreBody();
      if (!received) co_return false;
    }
    const size_t used = NextPiece();
    in_.Consume(used);
  }
  co_return true;
}

void Connection::AbortHandler() {
  if (handler_ == nullptr) return;
  if (!on_pool_) {
    handler_->OnAbort();
    handler_.reset();
    return;
  }
  // Nobody waits for it; the pool runs it before the server ends.
  std::shared_ptr<RequestHandler> handler = std::move(handler_);
  core_->pool->Submit([handler = std::move(handler)] { handler->OnAbort(); });
}

}  // namespace hodei::net
