// The HTTP/1.1 side of the serving program: one unix socket (or loopback port, for measurements),
// few connections, whole bodies. A loop over epoll with net/'s parser: a request costs one wait,
// one read and one write.
//
// With one thread a connection's events are level-triggered and every answer must be given before
// the handler returns. With more, an event disarms its connection, so that no two threads ever
// touch one, and an answer may come later from any thread.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "net/http_message.h"
#include "net/http_parser.h"
#include "sys/unique_fd.h"

namespace hodei::serve {

struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
};

struct HttpRequest {
  const net::RequestHead* head = nullptr;
  std::string_view body;  // followed by kBodyPadding readable bytes; valid until the answer
};

struct HttpLimits {
  size_t request_bytes_max = 1572864;    // more: 413
  size_t connections_max = 256;          // more: closed at once
  size_t kept_buffer_bytes = 64 * 1024;  // an idle connection keeps no larger buffer
};

class HttpLoop {
 public:
  using Done = std::function<void(HttpAnswer)>;
  // Called once for each request; `done` exactly once.
  using Handler = std::function<void(const HttpRequest&, Done)>;

  // `path` is replaced by a socket of mode 0666.
  static Result<std::unique_ptr<HttpLoop>> ListenUnix(const std::string& path,
                                                      const HttpLimits& limits, Handler handler);
  // Listens on 127.0.0.1; `port` 0 chooses one. For measurements beside servers that speak TCP.
  static Result<std::unique_ptr<HttpLoop>> ListenLoopback(uint16_t port, const HttpLimits& limits,
                                                          Handler handler);
  ~HttpLoop();

  uint16_t port() const { return port_; }
  // Serves on `threads` threads of its own from now on. Once.
  Status Start(int threads);
  // Further threads, for a model that turned out to need them. Only after Start(2 or more).
  void AddThreads(int threads);
  // Stops accepting, answers what has been read whole, closes every connection; returns when they
  // are closed or `grace` has passed.
  void Drain(std::chrono::milliseconds grace);

 private:
  struct Connection;
  HttpLoop(UniqueFd listener, const HttpLimits& limits, Handler handler);

  void Run();
  void Accept();
  void OnEvent(Connection* connection, uint32_t events);
  void Read(Connection* connection);
  // Hands a whole request to the handler, or waits for the rest of it.
  void Advance(Connection* connection);
  void Refuse(Connection* connection, int status, std::string_view message);
  void Answer(Connection* connection, HttpAnswer answer);
  void Write(Connection* connection);
  void Next(Connection* connection);
  void Arm(Connection* connection, uint32_t events);
  void Close(Connection* connection);

  UniqueFd listener_;
  UniqueFd epoll_;
  UniqueFd wake_;
  HttpLimits limits_;
  Handler handler_;
  uint16_t port_ = 0;
  bool one_shot_ = false;
  std::atomic<bool> draining_{false};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable closed_;
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;  // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace hodei::serve
