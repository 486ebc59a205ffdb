// The HTTP/1.1 server: listeners (TCP, TLS, unix socket), limits, keep-alive, streaming bodies.
// It knows bytes and no resource. Coroutines stay behind this header: handlers are ordinary code.
//
// Per request: the head arrives → Application::Start() makes a RequestHandler → OnBody() for each
// piece in order → OnEnd() returns the response. Nothing buffers a whole body unless the handler
// does.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/backend_caller.h"
#include "net/http_message.h"

namespace hodei::net {

class NameCertificates;

// Handles one request. Calls never overlap, but may come from different threads. The object may
// also be destroyed without any call: the pool's queue was full and the server answered 503.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  // Where this handler's calls run: kInline on the I/O thread (must not block beyond a cached
  // point read), kPool on the bounded worker pool.
  enum class Where { kInline, kPool };
  virtual Where where() const { return Where::kPool; }
  // False when the answer is known from the head alone (a refused credential, an unknown route):
  // OnEnd() is then called at once, "100 Continue" is not sent, and the server gets rid of the
  // body.
  virtual bool wants_body() const { return true; }
  // The next piece of the body. An error ends the request: the server answers with OnError()'s
  // response and closes the connection after draining a bounded amount. `piece` is valid during
  // the call only.
  virtual Status OnBody(std::string_view piece) = 0;
  // The body is complete.
  virtual HttpResponse OnEnd() = 0;
  // True when the answer takes longer than an I/O thread may be held and needs no thread meanwhile:
  // OnEndLater() is then called in OnEnd()'s place. For inline handlers.
  virtual bool answers_later() const { return false; }
  // `done` is to be called exactly once, from any thread, maybe at once, and may be called after
  // this object and even the connection are gone. `backends` belongs to this I/O thread.
  virtual void OnEndLater(BackendCaller* backends, std::function<void(HttpResponse)> done) {
    (void)backends;
    done(OnEnd());
  }
  // The body could not be taken: OnBody()'s error, over-limit, or malformed chunking.
  virtual HttpResponse OnError(const Status& status) = 0;
  // The peer went away, or was too slow, before the body was complete. No response can be sent.
  virtual void OnAbort() {}
};

class Application {
 public:
  virtual ~Application() = default;
  // Called on the I/O thread with a complete, well-formed head; must not block. May return a
  // handler that only knows the error to answer. Never null.
  virtual std::unique_ptr<RequestHandler> Start(const RequestHead& head) = 0;
  // The body of the error responses that the server itself makes (malformed head, 431, 503 …).
  virtual HttpResponse TransportError(int http_status, const std::string& message) = 0;
};

// A handler that collects a body of at most `limit_bytes`, then calls `handle` once. A larger body
// is RESOURCE_EXHAUSTED with the reason "bodyTooLarge", which is HTTP 413.
std::unique_ptr<RequestHandler> CollectBody(size_t limit_bytes, RequestHandler::Where where,
                                            std::function<HttpResponse(std::string body)> handle,
                                            std::function<HttpResponse(const Status&)> error);

struct ServerOptions {
  int io_threads = 1;
  // Calls that may block at once. A thread is made when all others are busy.
  int pool_threads = 96;
  size_t head_limit_bytes = 64 * 1024;    // more: 431
  size_t target_limit_bytes = 32 * 1024;  // more: 414
  size_t body_piece_bytes = 256 * 1024;
  size_t connection_limit = 10'000;                 // more: refused with 503 and closed
  size_t pool_queue_limit = 4096;                   // more: 503 with Retry-After
  std::chrono::milliseconds head_deadline{15'000};  // slowloris: whole head within
  std::chrono::milliseconds idle_deadline{75'000};  // keep-alive
  // The longest silence within a request body or, from a peer that reads slowly, a response.
  std::chrono::milliseconds body_piece_deadline{60'000};
  // How much of an unwanted request body is read away, and for how long, before the connection is
  // cut: a client that writes its whole request before it reads must see the error answer.
  size_t drain_limit_bytes = 16 << 20;
  std::chrono::milliseconds drain_deadline{5'000};
};

struct TlsFiles {
  std::string certificate_chain_pem;
  std::string private_key_pem;
};

class HttpServer {
 public:
  // `application` must outlive the server.
  static Result<std::unique_ptr<HttpServer>> Create(const ServerOptions& options,
                                                    Application* application);
  virtual ~HttpServer() = default;
  // Binds and listens; returns the bound port (`port` 0 chooses one). Before Start() only.
  virtual Result<uint16_t> ListenTcp(const std::string& address, uint16_t port) = 0;
  virtual Result<uint16_t> ListenTls(const std::string& address, uint16_t port,
                                     const TlsFiles& tls) = 0;
  // Listens on a unix socket at `path`, replacing a stale socket file. Requests carry `label` in
  // peer.socket_label: each running job has a socket of its own, and the label says which job is
  // speaking. May be called before and after Start(), for up to a few thousand sockets.
  virtual Status ListenUnix(const std::string& path, mode_t mode, const std::string& label) = 0;
  // The same with TLS: each connection is served with the certificate of the name it asks for.
  virtual Status ListenUnixTls(const std::string& path, mode_t mode, const std::string& label,
                               std::shared_ptr<const NameCertificates> certificates) = 0;
  // Removes the socket file, then, in a moment and on the server's threads, stops listening there
  // and closes its connections: a request on one of them may still be served. OK when unknown.
  virtual Status CloseUnix(const std::string& label) = 0;
  virtual Status Start() = 0;
  // Stops accepting, lets running requests finish within `grace`, then closes. Idempotent.
  virtual void Stop(std::chrono::milliseconds grace) = 0;
  // New TLS files for later handshakes; the old ones stay when the new are bad.
  virtual Status ReloadTls(const TlsFiles& tls) = 0;
};

}  // namespace hodei::net
