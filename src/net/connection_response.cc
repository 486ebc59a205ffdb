// Responses: one buffer and one write where possible, files by sendfile(2), streams as chunks.
#include <poll.h>
#include <sys/sendfile.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <memory>
#include <utility>

#include "net/connection.h"
#include "net/file_slice.h"
#include "net/response_head.h"

namespace hodei::net {
namespace {

namespace asio = boost::asio;

constexpr size_t kJoinBytes = 16 * 1024;   // bodies so small are sent as one with their head
constexpr size_t kCopyBytes = 256 * 1024;  // of a file that goes through memory (TLS)

uint64_t LengthOf(const HttpResponse& response) {
  if (const auto* text = std::get_if<std::string>(&response.body)) return text->size();
  if (const auto* file = std::get_if<FileBody>(&response.body)) return file->length;
  return 0;
}

}  // namespace

void Connection::RenderResponse() {
  const bool to_head = head_.method == "HEAD";
  const bool bodiless = to_head || HasNoBody(response_.status);
  const bool streams = std::holds_alternative<std::unique_ptr<StreamBody>>(response_.body);
  sending_.rendered = true;
  sending_.skip_body = !body_complete_ && CanSkipBody();
  ResponseFraming framing;
  framing.close = !framing_.keep_alive || response_.close ||
                  (!body_complete_ && !sending_.skip_body) ||
                  core_->stopping.load(std::memory_order_relaxed);
  framing.chunked = streams && !framing_.http_1_0 && !HasNoBody(response_.status);
  if (streams && framing_.http_1_0) framing.close = true;  // its end is the end of the connection
  framing.http_1_0_keep_alive = framing_.http_1_0 && !framing.close;
  if (to_head && response_.content_length_of_head) {
    framing.chunked = false;
    framing.content_length = response_.content_length_of_head;
  } else if (!streams && (to_head || !bodiless)) {
    framing.content_length = LengthOf(response_);
  }
  sending_.close = framing.close;
  sending_.chunked = framing.chunked;
  sending_.skip_body = sending_.skip_body && !framing.close;
  out_.clear();
  AppendResponseHead(response_.status, response_.headers, framing, io_->date().Now(),
                     head_.request_id, &out_);
  const auto* text = std::get_if<std::string>(&response_.body);
  sending_.only_out = bodiless || (text != nullptr && text->size() <= kJoinBytes);
  if (sending_.only_out && !bodiless) out_.append(*text);
}

Awaitable<bool> Connection::Respond() {
  Arm(Phase::kResponse, core_->options.body_piece_deadline);
  bool sent = co_await SendResponse();
  response_ = HttpResponse();
  if (sent && sending_.skip_body) sent = co_await SkipBody();
  if (!sent) cut_ = true;
  co_return sent && !sending_.close;
}

Awaitable<bool> Connection::SendResponse() {
  const std::string_view none;
  bool sent = false;
  if (sending_.only_out) {
    sent = co_await SendBytes(out_, none, false);
  } else if (const auto* text = std::get_if<std::string>(&response_.body)) {
    sent = co_await SendBytes(out_, *text, false);
  } else if (std::holds_alternative<FileBody>(response_.body)) {
    sent = co_await SendFile();
  } else {
    sent = co_await SendStream(sending_.chunked);
  }
  co_return sent;
}

Awaitable<bool> Connection::SendBytes(std::string_view first, std::string_view second, bool more) {
  IoCount n = transport_->WriteNow(&first, &second, more);
  while (n >= 0 && !cut_ && !(first.empty() && second.empty())) {
    Arm(Phase::kResponse, core_->options.body_piece_deadline);
    std::string_view* part = first.empty() ? &second : &first;
    n = co_await transport_->WriteSome(*part);
    if (n > 0) part->remove_prefix(static_cast<size_t>(n));
  }
  co_return n >= 0 && !cut_;
}

Awaitable<bool> Connection::SendFile() {
  file_ = &std::get<FileBody>(response_.body);
  file_offset_ = file_->offset;
  const uint64_t end = file_->offset + file_->length;
  const std::string_view none;
  bool sent = co_await SendBytes(out_, none, file_->length > 0);
  while (sent && file_offset_ < end && !cut_) {
    const uint64_t slice_end = std::min<uint64_t>(end, file_offset_ + kSliceBytes);
    // Reading a cold file blocks: that is the pool's work, never this thread's.
    if (!IsPageCached(file_->fd.get(), file_offset_, slice_end - file_offset_)) {
      Disarm(Phase::kHandler);
      co_await CallOnPool(Call::kReadAhead);
    }
    if (transport_->sendfile_works()) {
      sent = co_await SendFileSlice(slice_end);
    } else {
      sent = co_await CopyFileSlice(slice_end);
    }
    if (file_offset_ < end) co_await asio::post(io_->context(), kUseAwaitable);
  }
  file_ = nullptr;
  co_return sent && !cut_;
}

Awaitable<bool> Connection::SendFileSlice(uint64_t end) {
  while (file_offset_ < end && !cut_) {
    auto offset = static_cast<off_t>(file_offset_);
    const ssize_t n = ::sendfile(transport_->fd(), file_->fd.get(), &offset, end - file_offset_);
    if (n > 0) {
      file_offset_ += static_cast<uint64_t>(n);
      continue;
    }
    if (n == 0) co_return false;  // the file is shorter than promised
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return false;
    Arm(Phase::kResponse, core_->options.body_piece_deadline);
    const bool writable = co_await WaitWritable(&transport_->socket());
    if (!writable) co_return false;
  }
  co_return true;
}

Awaitable<bool> Connection::CopyFileSlice(uint64_t end) {
  std::string bytes;
  const std::string_view none;
  while (file_offset_ < end && !cut_) {
    bytes.resize(static_cast<size_t>(std::min<uint64_t>(kCopyBytes, end - file_offset_)));
    if (!ReadFileSlice(file_->fd.get(), file_offset_, &bytes)) co_return false;
    const bool sent = co_await SendBytes(bytes, none, false);
    if (!sent) co_return false;
    file_offset_ += bytes.size();
  }
  co_return true;
}

Awaitable<bool> Connection::SendStream(bool chunked) {
  // Owned here, so that the body dies as soon as the peer is gone.
  std::unique_ptr<StreamBody> body =
      std::move(std::get<std::unique_ptr<StreamBody>>(response_.body));
  stream_ = body.get();
  mailbox_ = std::make_shared<StreamMailbox>(io_, [this](Result<std::string> piece) {
    stream_piece_ = std::move(piece);
    Signal();
  });
  const std::string_view none;
  const std::string_view line_end = "\r\n";
  peer_gone_ = false;
  unread_bytes_hide_peer_ = false;
  bool sent = co_await SendBytes(out_, none, false);
  bool ended = false;
  while (sent && !ended) {
    sent = co_await NextStreamPiece();
    if (!sent) break;
    const std::string piece = std::move(**stream_piece_);
    ended = piece.empty();
    out_.clear();
    if (chunked) AppendChunkSize(piece.size(), &out_);
    out_.append(piece);
    if (chunked) out_.append(line_end);
    sent = co_await SendBytes(out_, none, false);
  }
  mailbox_->Close();
  mailbox_.reset();
  stream_piece_.reset();
  stream_ = nullptr;
  co_return sent;
}

Awaitable<bool> Connection::NextStreamPiece() {
  stream_piece_.reset();
  Disarm(Phase::kStreamWait);
  phase_since_ms_ = CoarseNowMs();
  WatchPeer();
  if (on_pool_) {
    co_await CallOnPool(Call::kNextPiece);
  } else {
    PerformCall(Call::kNextPiece);
  }
  while (!stream_piece_ && !peer_gone_ && !cut_) {
    co_await WaitSignal();
  }
  co_return stream_piece_ && stream_piece_->ok() && !peer_gone_ && !cut_;
}

void Connection::WatchPeer() {
  if (watching_peer_ || unread_bytes_hide_peer_) return;
  watching_peer_ = true;
  transport_->socket().async_wait(
      StreamSocket::wait_read, [weak = weak_from_this()](const boost::system::error_code& error) {
        const std::shared_ptr<Connection> self = weak.lock();
        if (self == nullptr) return;
        self->watching_peer_ = false;
        if (error || self->phase_ != Phase::kStreamWait) return;
        pollfd peer{self->transport_->fd(), POLLRDHUP, 0};
        if (poll(&peer, 1, 0) > 0) {
          self->peer_gone_ = true;
          self->Signal();
        } else {
          // A pipelined request lies there; readiness says nothing more, so the sweep looks.
          self->unread_bytes_hide_peer_ = true;
        }
      });
}

std::string RenderRefusal(ServerCore* core, IoThread* io) {
  HttpResponse response =
      core->application->TransportError(503, "too many connections; try again later");
  response.headers.Set("Retry-After", "1");
  auto* body = std::get_if<std::string>(&response.body);
  if (body == nullptr) return {};
  ResponseFraming framing;
  framing.close = true;
  framing.content_length = body->size();
  std::string id;
  io->request_ids().Next(&id);
  std::string bytes;
  AppendResponseHead(response.status, response.headers, framing, io->date().Now(), id, &bytes);
  bytes.append(*body);
  return bytes;
}

}  // namespace hodei::net
