#include "exec/supervisor/output_pipes.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cerrno>

namespace hodei::exec {
namespace {

// Room for a burst while a segment is synced.
constexpr int kPipeBytes = 1 << 20;
constexpr LogStream kStreams[] = {LogStream::kStdout, LogStream::kStderr};

Status MakePipe(UniqueFd* reader, UniqueFd* writer) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  *reader = UniqueFd(ends[0]);
  *writer = UniqueFd(ends[1]);
  // Best effort, there is a limit per user.
  fcntl(ends[0], F_SETPIPE_SZ, kPipeBytes);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return OkStatus();
}

// Edge-triggered and one-shot: a pipe takes its place in the kernel's list of the readable when it
// is armed with something in it, or at the first byte after that. Level-triggered it would keep its
// place from the last time, ahead of the other's earlier bytes.
Status Arm(int epoll, int operation, int pipe, size_t index) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET | EPOLLONESHOT;
  event.data.u64 = index;
  if (epoll_ctl(epoll, operation, pipe, &event) != 0) return ErrnoStatus(errno, "watch a pipe");
  return OkStatus();
}

}  // namespace

Status OutputPipes::Open(UniqueFd* out, UniqueFd* err) {
  buffer_ = std::make_unique_for_overwrite<char[]>(kOutputReadBytes);
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll_) return ErrnoStatus(errno, "epoll");
  UniqueFd* const writers[] = {out, err};
  for (size_t i = 0; i < 2; ++i) {
    RETURN_IF_ERROR(MakePipe(&pipes_[i], writers[i]));
    RETURN_IF_ERROR(Arm(epoll_.get(), EPOLL_CTL_ADD, pipes_[i].get(), i));
  }
  return OkStatus();
}

void OutputPipes::Drain(const Sink& sink) {
  epoll_event events[2];
  const int count = epoll_wait(epoll_.get(), events, 2, 0);
  for (int i = 0; i < count; ++i) Read(events[i].data.u64, sink);
}

void OutputPipes::Read(size_t index, const Sink& sink) {
  UniqueFd& pipe = pipes_[index];
  if (!pipe) return;
  const ssize_t n = read(pipe.get(), buffer_.get(), kOutputReadBytes);
  if (n > 0) {
    // Before the sink, which may take long: what comes meanwhile finds its place.
    const Status armed = Arm(epoll_.get(), EPOLL_CTL_MOD, pipe.get(), index);
    sink(kStreams[index], std::string_view(buffer_.get(), static_cast<size_t>(n)));
    if (!armed.ok()) pipe.Reset();
  } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
    pipe.Reset();
  } else if (!Arm(epoll_.get(), EPOLL_CTL_MOD, pipe.get(), index).ok()) {
    pipe.Reset();
  }
}

}  // namespace hodei::exec
