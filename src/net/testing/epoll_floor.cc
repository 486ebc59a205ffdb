#include "net/testing/epoll_floor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace hodei::net::testing {

EpollFloor::EpollFloor(std::string response, int file, uint64_t file_bytes)
    : response_(std::move(response)),
      file_(file),
      file_bytes_(file_bytes),
      listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* name = reinterpret_cast<sockaddr*>(&address);
  if (bind(listener_.get(), name, size) == 0 && listen(listener_.get(), 1024) == 0 &&
      getsockname(listener_.get(), name, &size) == 0) {
    port_ = ntohs(address.sin_port);
  }
  for (const int fd : {listener_.get(), stop_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  thread_ = std::thread([this] { Run(); });
}

EpollFloor::~EpollFloor() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

double EpollFloor::cpu_seconds() const {
  clockid_t clock{};
  timespec time{};
  pthread_getcpuclockid(const_cast<std::thread&>(thread_).native_handle(), &clock);
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

void EpollFloor::Run() {
  std::array<epoll_event, 128> events;
  while (true) {
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<size_t>(i)].data.fd;
      if (fd == stop_.get()) return;
      if (fd != listener_.get()) {
        Serve(fd);
        continue;
      }
      const int accepted = accept4(fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (accepted < 0) continue;
      const int on = 1;
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = accepted;
      epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, accepted, &event);
    }
  }
}

void EpollFloor::Serve(int fd) {
  std::array<char, 4096> request;
  const ssize_t n = recv(fd, request.data(), request.size(), 0);
  if (n < 0 && errno == EAGAIN) return;
  const bool served =
      n > 0 && send(fd, response_.data(), response_.size(), MSG_NOSIGNAL) > 0 && SendFile(fd);
  if (!served) close(fd);
}

// Waits for its one peer within the call: the floor of the download has a single connection.
bool EpollFloor::SendFile(int fd) {
  off_t offset = 0;
  while (file_ >= 0 && static_cast<uint64_t>(offset) < file_bytes_) {
    const ssize_t n = sendfile(fd, file_, &offset, file_bytes_ - static_cast<uint64_t>(offset));
    if (n > 0) continue;
    if (n == 0 || errno != EAGAIN) return false;
    pollfd writable{fd, POLLOUT, 0};
    poll(&writable, 1, -1);
  }
  return true;
}

}  // namespace hodei::net::testing
