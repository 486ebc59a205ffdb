#include "net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "net/unix_address.h"

namespace hodei::net {
namespace {

constexpr int kBacklog = 1024;
constexpr int kAcceptsPerTurn = 64;                        // then the connections have their turn
constexpr std::chrono::milliseconds kDescriptorPause{50};  // when there are none left

struct TcpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

Result<TcpAddress> ParseTcpAddress(const std::string& address, uint16_t port) {
  TcpAddress parsed;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&parsed.storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    parsed.size = sizeof(sockaddr_in);
    return parsed;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&parsed.storage);
  if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    parsed.size = sizeof(sockaddr_in6);
    return parsed;
  }
  return InvalidArgument(fmt::format("'{}' is not an IPv4 or IPv6 address to listen on", address));
}

std::string PeerAddress(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(v4->sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(v6->sin6_port));
  }
  return "unix";
}

UniqueFd TakeSpare() { return UniqueFd(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

}  // namespace

Result<UniqueFd> ListenOnTcp(const std::string& address, uint16_t* port) {
  ASSIGN_OR_RETURN(TcpAddress to, ParseTcpAddress(address, *port));
  const std::string what = fmt::format("listen on {}:{}", address, *port);
  UniqueFd fd(socket(to.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return ErrnoStatus(errno, what);
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (to.storage.ss_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  }
  auto* name = reinterpret_cast<sockaddr*>(&to.storage);
  if (bind(fd.get(), name, to.size) != 0 || listen(fd.get(), kBacklog) != 0) {
    if (errno == EADDRINUSE) {
      return FailedPrecondition(what + ": another program listens there already");
    }
    return ErrnoStatus(errno, what);
  }
  if (getsockname(fd.get(), name, &to.size) != 0) return ErrnoStatus(errno, what);
  // sin_port and sin6_port lie at the same place.
  *port = ntohs(reinterpret_cast<sockaddr_in*>(&to.storage)->sin_port);
  return fd;
}

Result<UniqueFd> ListenOnUnix(const std::string& path, mode_t mode) {
  const std::string what = fmt::format("listen on unix socket '{}'", path);
  struct stat there {};
  if (lstat(path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) return FailedPrecondition(what + ": the file is no socket");
    if (unlink(path.c_str()) != 0) return ErrnoStatus(errno, what);
  }
  ASSIGN_OR_RETURN(UnixAddress to, UnixAddress::Make(path));
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd || bind(fd.get(), to.name(), to.size()) != 0) return ErrnoStatus(errno, what);
  // The mode is right before the first connect can succeed.
  if (chmod(path.c_str(), mode) != 0 || listen(fd.get(), kBacklog) != 0) {
    return ErrnoStatus(errno, what);
  }
  return fd;
}

Listener::Listener(IoThread* io, UniqueFd socket, std::string label, Accepted accepted,
                   Refused refused)
    : io_(io),
      socket_(io->context(), socket.Release()),
      pause_(io->context()),
      label_(std::move(label)),
      accepted_(std::move(accepted)),
      refused_(std::move(refused)),
      spare_(TakeSpare()) {}

void Listener::Start() { Wait(); }

void Listener::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  pause_.cancel();
}

void Listener::Wait() {
  if (!socket_.is_open()) return;
  socket_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       if (!error) self->AcceptAll();
                     });
}

void Listener::AcceptAll() {
  for (int i = 0; i < kAcceptsPerTurn && socket_.is_open(); ++i) {
    sockaddr_storage from{};
    socklen_t size = sizeof(from);
    UniqueFd fd(accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&from), &size,
                        SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
      if (errno == EMFILE || errno == ENFILE) RefuseOne();
      if (errno != EAGAIN) return Pause();
      break;
    }
    Peer peer;
    peer.address = PeerAddress(from);
    peer.socket_label = label_;
    if (from.ss_family != AF_UNIX) {
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    accepted_(std::move(fd), std::move(peer));
  }
  Wait();
}

// A peer that waits in the backlog would learn nothing until somebody else leaves.
void Listener::RefuseOne() {
  spare_.Reset();
  UniqueFd fd(accept4(socket_.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd) refused_(std::move(fd));
  fd.Reset();
  spare_ = TakeSpare();
  errno = EMFILE;
}

// Out of descriptors or memory: the further peers stay in the backlog for a moment.
void Listener::Pause() {
  pause_.expires_after(kDescriptorPause);
  pause_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error) self->Wait();
  });
}

}  // namespace hodei::net
