#include "exec/replica_init/forwarder.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace hodei::exec {

// Bytes read from one side wait in `pending` until the other side takes them.
struct Forwarder::Pipe {
  struct Side {
    UniqueFd fd;
    std::string pending;       // to be written to this side
    bool read_ended = false;   // this side sent its end
    bool write_ended = false;  // its end was passed on to this side
    bool hung = false;         // its peer is gone for good
    bool watched = true;
    uint32_t armed = 0;
  };
  Side side[2];
  bool failed = false;
};

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

// false when the connection is broken.
bool ReadInto(int fd, std::string* pending, bool* ended) {
  char buffer[16 << 10];
  while (pending->size() < Forwarder::kBuffer) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n > 0) {
      pending->append(buffer, static_cast<size_t>(n));
      continue;
    }
    if (n == 0) *ended = true;
    if (n < 0 && errno == EINTR) continue;
    return n == 0 || errno == EAGAIN;
  }
  return true;
}

bool WriteFrom(int fd, std::string* pending) {
  size_t done = 0;
  while (done < pending->size()) {
    const ssize_t n = send(fd, pending->data() + done, pending->size() - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) return false;
    done += static_cast<size_t>(n);
  }
  pending->erase(0, done);
  return true;
}

}  // namespace

Forwarder::Forwarder(uint16_t port, const char* socket_path)
    : port_(port), socket_path_(socket_path) {}
Forwarder::~Forwarder() = default;

bool Forwarder::Listen(int epoll_fd) {
  epoll_fd_ = epoll_fd;
  listener_ = UniqueFd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_.get(), generic, size) != 0 || listen(listener_.get(), 128) != 0 ||
      getsockname(listener_.get(), generic, &size) != 0) {
    return false;
  }
  port_ = ntohs(address.sin_port);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.get();
  return epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener_.get(), &event) == 0;
}

void Forwarder::Handle(int fd, uint32_t events) {
  if (fd == listener_.get()) {
    Accept();
    return;
  }
  const auto it = connections_.find(fd);
  if (it == connections_.end()) return;
  const std::shared_ptr<Pipe> pipe = it->second;  // lives on through Close()
  if ((events & EPOLLERR) != 0) pipe->failed = true;
  if ((events & EPOLLHUP) != 0) pipe->side[pipe->side[0].fd.get() == fd ? 0 : 1].hung = true;
  Pump(pipe.get());
}

void Forwarder::Accept() {
  while (connections() < kMaxConnections) {
    UniqueFd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client) return;
    UniqueFd server = ConnectUnix(socket_path_);
    if (!server) continue;  // the server is down: the program sees a closed connection
    const int on = 1;
    setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto pipe = std::make_shared<Pipe>();
    pipe->side[0].fd = std::move(client);
    pipe->side[1].fd = std::move(server);
    for (Pipe::Side& side : pipe->side) {
      connections_[side.fd.get()] = pipe;
      epoll_event event{};
      event.data.fd = side.fd.get();
      epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, side.fd.get(), &event);
    }
    Pump(pipe.get());
  }
  // Full: further ones wait in the backlog until a connection ends.
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, listener_.get(), nullptr);
  accepting_ = false;
}

void Forwarder::Pump(Pipe* pipe) {
  for (int i = 0; i < 2 && !pipe->failed; ++i) {
    Pipe::Side& from = pipe->side[i];
    Pipe::Side& to = pipe->side[1 - i];
    if (!from.read_ended && !ReadInto(from.fd.get(), &to.pending, &from.read_ended)) {
      pipe->failed = true;
    }
    if (!pipe->failed && !WriteFrom(to.fd.get(), &to.pending)) pipe->failed = true;
    if (from.read_ended && to.pending.empty() && !to.write_ended) {
      shutdown(to.fd.get(), SHUT_WR);
      to.write_ended = true;
    }
  }
  bool done = pipe->failed || (pipe->side[0].write_ended && pipe->side[1].write_ended);
  for (int i = 0; i < 2; ++i) {
    const Pipe::Side& side = pipe->side[i];
    done = done || (side.hung && side.read_ended && pipe->side[1 - i].pending.empty());
  }
  if (done) {
    Close(pipe);
    return;
  }
  Arm(pipe);
}

void Forwarder::Arm(Pipe* pipe) {
  for (int i = 0; i < 2; ++i) {
    Pipe::Side& side = pipe->side[i];
    if (side.hung && side.read_ended) {
      // Its hang-up would be reported for ever while the other side still drains.
      if (side.watched) epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, side.fd.get(), nullptr);
      side.watched = false;
      continue;
    }
    const bool room = pipe->side[1 - i].pending.size() < kBuffer;
    const uint32_t wanted = (!side.read_ended && room ? uint32_t{EPOLLIN} : 0U) |
                            (side.pending.empty() ? 0U : uint32_t{EPOLLOUT});
    if (wanted == side.armed) continue;
    epoll_event event{};
    event.events = wanted;
    event.data.fd = side.fd.get();
    epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, side.fd.get(), &event);
    side.armed = wanted;
  }
}

void Forwarder::Close(Pipe* pipe) {
  const int first = pipe->side[0].fd.get();
  const int second = pipe->side[1].fd.get();
  pipe->side[0].fd.Reset();
  pipe->side[1].fd.Reset();
  connections_.erase(first);
  connections_.erase(second);
  if (accepting_) return;
  accepting_ = true;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_.get();
  epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, listener_.get(), &event);
}

}  // namespace hodei::exec
