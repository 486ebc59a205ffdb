// A client's connection: a socket with deadlines, with or without TLS. Blocking, one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "net/endpoint.h"
#include "sys/unique_fd.h"

struct ssl_ctx_st;
struct ssl_st;

namespace hodei::net {

using TimePoint = std::chrono::steady_clock::time_point;

// What the TLS connections of one client share: the trusted certificates.
class ClientTls {
 public:
  // `ca_file` (PEM) replaces the system's trust store when not empty.
  static Result<std::unique_ptr<ClientTls>> Make(const std::string& ca_file);
  ~ClientTls();
  ClientTls(const ClientTls&) = delete;
  ClientTls& operator=(const ClientTls&) = delete;
  ssl_ctx_st* context() const { return context_; }

 private:
  explicit ClientTls(ssl_ctx_st* context) : context_(context) {}
  ssl_ctx_st* context_;
};

class ClientTransport {
 public:
  // `tls` is used for Endpoint::Kind::kTls and must outlive the connection.
  static Result<std::unique_ptr<ClientTransport>> Connect(const Endpoint& endpoint,
                                                          const ClientTls* tls, TimePoint deadline);
  ~ClientTransport();

  // Sends all of `bytes`. With `stop` set, gives up and sets it as soon as the peer has sent
  // something: an answer before the request was complete (plain sockets only).
  Status Send(std::string_view bytes, TimePoint deadline, bool* stop = nullptr);
  // At least one byte, or 0 at the end of the stream.
  Result<size_t> Receive(char* data, size_t size, TimePoint deadline);
  // The peer has closed, or spoken out of turn, while nothing was asked.
  bool IsStale() const;

 private:
  explicit ClientTransport(UniqueFd fd) : fd_(std::move(fd)) {}
  Status Handshake(const Endpoint& endpoint, const ClientTls& tls, TimePoint deadline);
  Status Wait(short events, TimePoint deadline, short* ready = nullptr) const;
  Status SendPlain(std::string_view bytes, TimePoint deadline, bool* stop);
  Result<size_t> ReceivePlain(char* data, size_t size, TimePoint deadline);
  // TLS runs over memory, so that our own reads and writes carry the deadlines.
  Status FlushTls(TimePoint deadline);
  Result<bool> FeedTls(TimePoint deadline);
  Status TlsError(std::string_view what) const;

  UniqueFd fd_;
  ssl_st* ssl_ = nullptr;
};

}  // namespace hodei::net
