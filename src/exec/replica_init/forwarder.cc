#include "exec/replica_init/forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace hodei::exec {
namespace {

UniqueFd ConnectUnix(const char* path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  // A unix socket connects at once or not at all (EAGAIN: its queue is full).
  if (connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return UniqueFd();
  }
  return fd;
}

}  // namespace

Forwarder::Forwarder(const char* address, uint16_t port, const char* socket_path)
    : address_(address), port_(port), socket_path_(socket_path) {}

bool Forwarder::Listen(int epoll_fd) {
  epoll_fd_ = epoll_fd;
  pipes_.Attach(epoll_fd);
  listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (inet_pton(AF_INET, address_, &address.sin_addr) != 1 ||
      bind(listener_.get(), generic, size) != 0 || listen(listener_.get(), 128) != 0 ||
      getsockname(listener_.get(), generic, &size) != 0) {
    return false;
  }
  port_ = ntohs(address.sin_port);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.get();
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener_.get(), &event) == 0;
}

bool Forwarder::Handle(int fd, uint32_t events) {
  if (fd == listener_.get()) {
    Accept();
    return true;
  }
  if (!pipes_.Handle(fd, events)) return false;
  if (accepting_ || connections() >= kMaxConnections) return true;
  accepting_ = true;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.get();
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener_.get(), &event);
  return true;
}

void Forwarder::Accept() {
  while (connections() < kMaxConnections) {
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    UniqueFd server = ConnectUnix(socket_path_);
    if (!server) continue;  // the server is down: the program sees a closed connection
    const int on = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pipes_.Add(std::move(client), std::move(server), "");
  }
  // Full: further ones wait in the backlog until a connection ends.
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener_.get(), nullptr);
  accepting_ = false;
}

}  // namespace hodei::exec
