#include "exec/replica_init/byte_pipes.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace hodei::exec {

// Bytes read from one side wait in `pending` until the other side takes them.
struct BytePipes::Pipe {
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

// false when the connection is broken.
bool ReadInto(int fd, std::string* pending, bool* ended) {
  char buffer[16 << 10];
  while (pending->size() < BytePipes::kBuffer) {
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

BytePipes::BytePipes() = default;
BytePipes::~BytePipes() = default;

void BytePipes::Add(UniqueFd client, UniqueFd server, std::string first) {
  auto pipe = std::make_shared<Pipe>();
  pipe->side[0].fd = std::move(client);
  pipe->side[1].fd = std::move(server);
  pipe->side[1].pending = std::move(first);
  for (Pipe::Side& side : pipe->side) {
    pipes_[side.fd.get()] = pipe;
    epoll_event event{};
    event.data.fd = side.fd.get();
    epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, side.fd.get(), &event);
  }
  Pump(pipe.get());
}

bool BytePipes::Handle(int fd, uint32_t events) {
  const auto it = pipes_.find(fd);
  if (it == pipes_.end()) return false;
  const std::shared_ptr<Pipe> pipe = it->second;  // lives on through Close()
  if ((events & EPOLLERR) != 0) pipe->failed = true;
  if ((events & EPOLLHUP) != 0) pipe->side[pipe->side[0].fd.get() == fd ? 0 : 1].hung = true;
  Pump(pipe.get());
  return true;
}

void BytePipes::Pump(Pipe* pipe) {
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

void BytePipes::Arm(Pipe* pipe) {
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

void BytePipes::Close(Pipe* pipe) {
  const int first = pipe->side[0].fd.get();
  const int second = pipe->side[1].fd.get();
  pipe->side[0].fd.Reset();
  pipe->side[1].fd.Reset();
  pipes_.erase(first);
  pipes_.erase(second);
}

}  // namespace hodei::exec
