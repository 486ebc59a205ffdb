#include "net/client_transport.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "net/unix_address.h"

namespace hodei::net {
namespace {

constexpr size_t kTlsReadBytes = 32 * 1024;

std::string OpenSslMessage() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown TLS error" : text;
}

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

Result<UniqueFd> StartConnect(int family, const sockaddr* name, socklen_t size) {
  UniqueFd fd(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, "socket");
  if (connect(fd.get(), name, size) != 0 && errno != EINPROGRESS && errno != EAGAIN) {
    return Unavailable(std::generic_category().message(errno));
  }
  return fd;
}

Status FinishConnect(int fd, TimePoint deadline) {
  using std::chrono::milliseconds;
  const auto left =
      std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd ready{fd, POLLOUT, 0};
  if (poll(&ready, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30))) <= 0) {
    return DeadlineExceeded("no connection in time");
  }
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Unavailable(std::generic_category().message(error));
  return OkStatus();
}

Result<UniqueFd> ConnectTcp(const Endpoint& endpoint, TimePoint deadline) {
  const std::string port = std::to_string(endpoint.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;  // no resolver for "127.0.0.1"
  AddressList list;
  int error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list.first);
  if (error == EAI_NONAME) {
    hints.ai_flags = AI_NUMERICSERV;
    error = getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &list.first);
  }
  if (error != 0) {
    return Unavailable(fmt::format("look up '{}': {}", endpoint.host, gai_strerror(error)));
  }
  Status last = Unavailable("no address");
  for (const addrinfo* address = list.first; address != nullptr; address = address->ai_next) {
    Result<UniqueFd> fd = StartConnect(address->ai_family, address->ai_addr, address->ai_addrlen);
    last = fd.ok() ? FinishConnect(fd->get(), deadline) : fd.status();
    if (!last.ok()) continue;
    const int on = 1;
    setsockopt(fd->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
  }
  return last;
}

Result<UniqueFd> ConnectUnix(const std::string& path, TimePoint deadline) {
  ASSIGN_OR_RETURN(UnixAddress address, UnixAddress::Make(path));
  ASSIGN_OR_RETURN(UniqueFd fd, StartConnect(AF_UNIX, address.name(), address.size()));
  RETURN_IF_ERROR(FinishConnect(fd.get(), deadline));
  return fd;
}

}  // namespace

Result<std::unique_ptr<ClientTls>> ClientTls::Make(const std::string& ca_file) {
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (context == nullptr) return Internal("TLS: " + OpenSslMessage());
  std::unique_ptr<ClientTls> tls(new ClientTls(context));
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context)
                                     : SSL_CTX_load_verify_file(context, ca_file.c_str());
  if (loaded != 1) {
    return InvalidArgument(
        fmt::format("read trusted certificates '{}': {}", ca_file, OpenSslMessage()));
  }
  return tls;
}

ClientTls::~ClientTls() { SSL_CTX_free(context_); }

Result<std::unique_ptr<ClientTransport>> ClientTransport::Connect(const Endpoint& endpoint,
                                                                  const ClientTls* tls,
                                                                  TimePoint deadline) {
  Result<UniqueFd> fd = endpoint.kind == Endpoint::Kind::kUnix
                            ? ConnectUnix(endpoint.host, deadline)
                            : ConnectTcp(endpoint, deadline);
  if (!fd.ok()) return fd.status();
  std::unique_ptr<ClientTransport> transport(new ClientTransport(std::move(*fd)));
  if (endpoint.kind == Endpoint::Kind::kTls) {
    RETURN_IF_ERROR(transport->Handshake(endpoint, *tls, deadline));
  }
  return transport;
}

ClientTransport::~ClientTransport() {
  if (ssl_ == nullptr) return;
  // Best effort, without waiting: the server must not take our end for an attack.
  if (SSL_is_init_finished(ssl_)) {
    SSL_shutdown(ssl_);
    (void)FlushTls(std::chrono::steady_clock::now());
  }
  SSL_free(ssl_);
}

Status ClientTransport::Handshake(const Endpoint& endpoint, const ClientTls& tls,
                                  TimePoint deadline) {
  ssl_ = SSL_new(tls.context());
  if (ssl_ == nullptr) return Internal("TLS: " + OpenSslMessage());
  SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  std::array<unsigned char, sizeof(in6_addr)> literal;
  X509_VERIFY_PARAM* verify = SSL_get0_param(ssl_);
  if (inet_pton(AF_INET, endpoint.host.c_str(), literal.data()) == 1 ||
      inet_pton(AF_INET6, endpoint.host.c_str(), literal.data()) == 1) {
    X509_VERIFY_PARAM_set1_ip_asc(verify, endpoint.host.c_str());
  } else {
    SSL_set_tlsext_host_name(ssl_, endpoint.host.c_str());
    X509_VERIFY_PARAM_set1_host(verify, endpoint.host.c_str(), endpoint.host.size());
  }
  while (true) {
    ERR_clear_error();
    const int done = SSL_connect(ssl_);
    const int why = SSL_get_error(ssl_, done);
    RETURN_IF_ERROR(FlushTls(deadline));
    if (done == 1) return OkStatus();
    if (why != SSL_ERROR_WANT_READ) return TlsError("TLS handshake");
    ASSIGN_OR_RETURN(const bool more, FeedTls(deadline));
    if (!more) return Unavailable("the server closed the connection in the TLS handshake");
  }
}

Status ClientTransport::TlsError(std::string_view what) const {
  const long verdict = SSL_get_verify_result(ssl_);
  if (verdict != X509_V_OK) {
    ERR_clear_error();
    return Unavailable(fmt::format("{}: the server's certificate is not trusted: {}", what,
                                   X509_verify_cert_error_string(verdict)));
  }
  return Unavailable(fmt::format("{}: {}", what, OpenSslMessage()));
}

Status ClientTransport::Wait(short events, TimePoint deadline, short* ready) const {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wait{fd_.get(), events, 0};
    const int n = poll(&wait, 1, static_cast<int>(std::clamp<int64_t>(left.count(), 0, 1 << 30)));
    if (n > 0) {
      if (ready != nullptr) *ready = wait.revents;
      return OkStatus();
    }
    if (n < 0 && errno != EINTR) return ErrnoStatus(errno, "poll");
    if (std::chrono::steady_clock::now() >= deadline) {
      return DeadlineExceeded("the deadline has passed");
    }
  }
}

Status ClientTransport::SendPlain(std::string_view bytes, TimePoint deadline, bool* stop) {
  while (!bytes.empty()) {
    if (stop != nullptr) {
      pollfd input{fd_.get(), POLLIN, 0};
      *stop = poll(&input, 1, 0) > 0;
      if (*stop) return OkStatus();
    }
    const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (errno == EAGAIN) {
      RETURN_IF_ERROR(Wait(stop != nullptr ? POLLOUT | POLLIN : POLLOUT, deadline));
    } else if (errno != EINTR) {
      return Unavailable(fmt::format("send: {}", std::generic_category().message(errno)));
    }
  }
  return OkStatus();
}

Result<size_t> ClientTransport::ReceivePlain(char* data, size_t size, TimePoint deadline) {
  while (true) {
    const ssize_t n = recv(fd_.get(), data, size, 0);
    if (n >= 0) return static_cast<size_t>(n);
    if (errno == EAGAIN) {
      RETURN_IF_ERROR(Wait(POLLIN, deadline));
    } else if (errno != EINTR) {
      return Unavailable(fmt::format("receive: {}", std::generic_category().message(errno)));
    }
  }
}

Status ClientTransport::FlushTls(TimePoint deadline) {
  char* bytes = nullptr;
  BIO* out = SSL_get_wbio(ssl_);
  const long size = BIO_get_mem_data(out, &bytes);
  if (size <= 0) return OkStatus();
  const Status sent = SendPlain({bytes, static_cast<size_t>(size)}, deadline, nullptr);
  BIO_reset(out);
  return sent;
}

Result<bool> ClientTransport::FeedTls(TimePoint deadline) {
  std::array<char, kTlsReadBytes> bytes;
  ASSIGN_OR_RETURN(const size_t n, ReceivePlain(bytes.data(), bytes.size(), deadline));
  if (n == 0) return false;
  BIO_write(SSL_get_rbio(ssl_), bytes.data(), static_cast<int>(n));
  return true;
}

Status ClientTransport::Send(std::string_view bytes, TimePoint deadline, bool* stop) {
  if (ssl_ == nullptr) return SendPlain(bytes, deadline, stop);
  constexpr size_t kPieceBytes = 256 * 1024;  // bounds what lies encrypted in memory
  while (!bytes.empty()) {
    ERR_clear_error();
    const size_t size = std::min(bytes.size(), kPieceBytes);
    const int n = SSL_write(ssl_, bytes.data(), static_cast<int>(size));
    if (n <= 0) return TlsError("send");
    RETURN_IF_ERROR(FlushTls(deadline));
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return OkStatus();
}

Result<size_t> ClientTransport::Receive(char* data, size_t size, TimePoint deadline) {
  if (ssl_ == nullptr) return ReceivePlain(data, size, deadline);
  while (true) {
    ERR_clear_error();
    const int n = SSL_read(ssl_, data, static_cast<int>(std::min<size_t>(size, 1 << 30)));
    const int why = SSL_get_error(ssl_, n);
    RETURN_IF_ERROR(FlushTls(deadline));
    if (n > 0) return static_cast<size_t>(n);
    if (why == SSL_ERROR_ZERO_RETURN) return size_t{0};
    if (why != SSL_ERROR_WANT_READ) return TlsError("receive");
    ASSIGN_OR_RETURN(const bool more, FeedTls(deadline));
    // An end without close_notify may be an attacker's cut.
    if (!more) return Unavailable("receive: the TLS connection was cut");
  }
}

bool ClientTransport::IsStale() const {
  pollfd input{fd_.get(), POLLIN, 0};
  if (poll(&input, 1, 0) == 0) return false;
  if (ssl_ == nullptr) return true;
  // Session tickets may lie there; only the end of the stream tells.
  char byte = 0;
  return recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0 || (input.revents & POLLHUP) != 0;
}

}  // namespace hodei::net
