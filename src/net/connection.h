// One accepted connection: requests in, responses out, one after the other. The coroutines of one
// connection run on one I/O thread; handler calls run there or on the worker pool, and the
// connection waits for each. The parts are in connection.cc (the loop and heads),
// connection_body.cc (bodies in) and connection_response.cc (responses out).
//
// Coroutine rules for g++ 12 kept throughout: no await inside a condition, no aggregate or
// capturing lambda inside an awaited call, parameters by value.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "net/http_parser.h"
#include "net/http_server.h"
#include "net/input_buffer.h"
#include "net/io_thread.h"
#include "net/later_answer.h"
#include "net/stream_mailbox.h"
#include "net/transport.h"

namespace hodei::net {

class Connection final : public ConnectionBase, public std::enable_shared_from_this<Connection> {
 public:
  Connection(ServerCore* core, IoThread* io, std::unique_ptr<Transport> transport, Peer peer);

  // Starts serving; call it on `io`'s thread. The connection lives in its own coroutine, takes one
  // count of core->connections away when it ends, and is found in `io` meanwhile.
  static void Serve(std::shared_ptr<Connection> self);

  void Sweep(int64_t now_ms) override;
  void Cut() override;
  const std::string& label() const override { return head_.peer.socket_label; }

 private:
  enum class Phase { kHandshake, kIdle, kHead, kBody, kHandler, kResponse, kStreamWait, kLinger };
  enum class HeadEnd { kNeedMore, kComplete, kRefused, kGone };
  enum class BodyEnd { kComplete, kFailed, kGone };
  enum class Call { kBody, kEnd, kError, kNextPiece, kReadAhead };

  static Awaitable<void> Run(std::shared_ptr<Connection> self);
  Awaitable<void> ServeRequests();
  void BeginHead();
  HeadEnd ScanHead();
  HeadEnd RefuseHead(int http_status, const char* message);
  HeadEnd EndOfInput();
  // Starts the handler of the request in head_, or sets the answer where there can be none.
  void BeginRequest();
  // Most requests: no body, an inline handler, an answer that the socket takes at once. False when
  // HandleRequest() must go on.
  bool AnswerAtOnce();
  // Handles the request; false when the connection must end.
  Awaitable<bool> HandleRequest();
  bool StartHandler();
  Awaitable<void> AnswerLater();
  void RefuseRequest();
  Awaitable<void> Linger();

  // connection_body.cc
  Awaitable<BodyEnd> ReceiveBody();
  Awaitable<bool> ReadMoreBody();
  // What of the received bytes is body: sets piece_, returns the bytes to consume after its use.
  size_t NextPiece();
  // Reads the rest of an unwanted body away; false when the connection cannot go on.
  Awaitable<bool> SkipBody();
  bool CanSkipBody() const;
  void AbortHandler();

  // connection_response.cc
  // Fills out_ with the head, and with a small body, of response_.
  void RenderResponse();
  // Sends it; false when the connection must end.
  Awaitable<bool> Respond();
  Awaitable<bool> SendResponse();
  Awaitable<bool> SendBytes(std::string_view first, std::string_view second, bool more);
  Awaitable<bool> SendFile();
  Awaitable<bool> SendFileSlice(uint64_t end);
  Awaitable<bool> CopyFileSlice(uint64_t end);
  Awaitable<bool> SendStream(bool chunked);
  Awaitable<bool> NextStreamPiece();
  void WatchPeer();

  // Runs one handler call here, or on the pool and waits for it.
  void PerformCall(Call call);
  Awaitable<void> CallOnPool(Call call);
  void SubmitCall(Call call);
  Awaitable<void> WaitSignal();
  void Signal();
  void Arm(Phase phase, std::chrono::milliseconds deadline);
  void Disarm(Phase phase);

  ServerCore* const core_;
  IoThread* const io_;
  const std::unique_ptr<Transport> transport_;
  Timer signal_timer_;  // never fires: cancelling it wakes the coroutine
  bool signalled_ = false;

  Phase phase_ = Phase::kIdle;
  int64_t deadline_ms_ = 0;  // 0: none
  int64_t phase_since_ms_ = 0;
  bool cut_ = false;
  bool timed_out_ = false;
  bool watching_peer_ = false;
  bool unread_bytes_hide_peer_ = false;
  bool peer_gone_ = false;

  InputBuffer in_;
  const HeadLimits limits_;
  HeadScanner scanner_;
  RequestHead head_;
  RequestFraming framing_;
  bool first_request_ = true;

  // The request body.
  ChunkDecoder chunks_;
  uint64_t body_left_ = 0;
  bool body_complete_ = true;
  bool continue_pending_ = false;
  std::string_view piece_;

  // The handler and what its calls return; while call_running_, only the pool touches these.
  std::unique_ptr<RequestHandler> handler_;
  bool on_pool_ = false;
  bool call_running_ = false;
  Status call_status_;
  HttpResponse response_;
  std::shared_ptr<LaterAnswer> later_;
  bool answered_ = false;

  // The answer under way.
  struct Sending {
    bool rendered = false;
    bool close = false;
    bool skip_body = false;  // the rest of the request's body is read away afterwards
    bool chunked = false;
    bool only_out = false;  // out_ is all there is to send
  };
  Sending sending_;
  std::string out_;
  FileBody* file_ = nullptr;  // within response_
  uint64_t file_offset_ = 0;
  StreamBody* stream_ = nullptr;  // within response_
  std::shared_ptr<StreamMailbox> mailbox_;
  std::optional<Result<std::string>> stream_piece_;
};

// The bytes that tell a peer of a full server so: a 503 that closes.
std::string RenderRefusal(ServerCore* core, IoThread* io);

}  // namespace hodei::net
