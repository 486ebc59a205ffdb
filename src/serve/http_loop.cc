#include "serve/http_loop.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>

#include "net/response_head.h"
#include "net/unix_address.h"
#include "serve/request_body.h"
#include "serve/response_body.h"

namespace hodei::serve {
namespace {

constexpr size_t kFirstReadBytes = 16 * 1024;
constexpr int kEventsMax = 64;
constexpr int kBacklog = 128;

}  // namespace

struct HttpLoop::Connection {
  explicit Connection(UniqueFd descriptor) : fd(std::move(descriptor)) {}

  UniqueFd fd;
  std::vector<char> in;  // always kBodyPadding bytes longer than what may be read into it
  size_t filled = 0;
  net::HeadScanner scanner{net::HeadLimits{}};
  net::RequestHead head;
  bool head_done = false;
  bool keep_alive = true;
  size_t body_at = 0;
  size_t body_size = 0;
  std::atomic<bool> busy{false};  // a request is with the handler or being answered
  // Said before a connection goes to whichever thread the next event finds, and read there first:
  // the kernel orders the two anyway, but only this says so to the compiler and to tools.
  std::atomic<uint32_t> armed{EPOLLIN};
  std::string out_head;
  std::string out_body;
  size_t written = 0;
};

HttpLoop::HttpLoop(UniqueFd listener, const HttpLimits& limits, Handler handler)
    : listener_(std::move(listener)), limits_(limits), handler_(std::move(handler)) {}

Result<std::unique_ptr<HttpLoop>> HttpLoop::ListenUnix(const std::string& path,
                                                       const HttpLimits& limits, Handler handler) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, "socket");
  ASSIGN_OR_RETURN(net::UnixAddress address, net::UnixAddress::Make(path));
  unlink(path.c_str());
  if (bind(fd.get(), address.name(), address.size()) != 0) {
    return ErrnoStatus(errno, fmt::format("bind '{}'", path));
  }
  if (chmod(path.c_str(), 0666) != 0) return ErrnoStatus(errno, fmt::format("chmod '{}'", path));
  if (listen(fd.get(), kBacklog) != 0) return ErrnoStatus(errno, fmt::format("listen '{}'", path));
  return std::unique_ptr<HttpLoop>(new HttpLoop(std::move(fd), limits, std::move(handler)));
}

Result<std::unique_ptr<HttpLoop>> HttpLoop::ListenLoopback(uint16_t port, const HttpLimits& limits,
                                                           Handler handler) {
  UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, "socket");
  const int on = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof(address);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(fd.get(), kBacklog) != 0 ||
      getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return ErrnoStatus(errno, fmt::format("listen on 127.0.0.1:{}", port));
  }
  std::unique_ptr<HttpLoop> loop(new HttpLoop(std::move(fd), limits, std::move(handler)));
  loop->port_ = ntohs(address.sin_port);
  return loop;
}

HttpLoop::~HttpLoop() {
  stop_ = true;
  if (wake_) eventfd_write(wake_.get(), 1);
  for (std::thread& thread : threads_) thread.join();
}

Status HttpLoop::Start(int threads) {
  one_shot_ = threads > 1;
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wake_) return ErrnoStatus(errno, "epoll_create1");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  // Level-triggered and never read: it wakes every thread, one after the other.
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) != 0) {
    return ErrnoStatus(errno, "epoll_ctl");
  }
  event.events = EPOLLIN | EPOLLEXCLUSIVE;
  event.data.ptr = this;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listener_.get(), &event) != 0) {
    return ErrnoStatus(errno, "epoll_ctl");
  }
  AddThreads(threads);
  return OkStatus();
}

void HttpLoop::AddThreads(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

void HttpLoop::Run() {
  epoll_event events[kEventsMax];
  // With several threads one event at a time: a slow request must not hold up others of its wait.
  const int wanted = one_shot_ ? 1 : kEventsMax;
  while (!stop_) {
    const int count = epoll_wait(epoll_.get(), events, wanted, -1);
    for (int i = 0; i < count && !stop_; ++i) {
      if (events[i].data.ptr == nullptr) continue;
      if (events[i].data.ptr == this) {
        Accept();
      } else {
        OnEvent(static_cast<Connection*>(events[i].data.ptr), events[i].events);
      }
    }
  }
}

void HttpLoop::Accept() {
  for (;;) {
    UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    if (port_ != 0) {
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    auto connection = std::make_unique<Connection>(std::move(fd));
    Connection* raw = connection.get();
    {
      std::lock_guard lock(mutex_);
      if (draining_ || connections_.size() >= limits_.connections_max) continue;
      connections_.emplace(raw, std::move(connection));
    }
    epoll_event event{};
    event.events = EPOLLIN | (one_shot_ ? EPOLLONESHOT : 0U);
    event.data.ptr = raw;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, raw->fd.get(), &event) != 0) Close(raw);
  }
}

void HttpLoop::OnEvent(Connection* connection, uint32_t events) {
  (void)connection->armed.load(std::memory_order_acquire);
  if ((events & EPOLLOUT) != 0) return Write(connection);
  Read(connection);
}

void HttpLoop::Read(Connection* connection) {
  Connection& c = *connection;
  const size_t wanted = c.head_done ? c.body_at + c.body_size : c.filled + kFirstReadBytes;
  if (c.in.size() < wanted + kBodyPadding) c.in.resize(wanted + kBodyPadding);
  const size_t space = c.in.size() - kBodyPadding - c.filled;
  const ssize_t got = recv(c.fd.get(), c.in.data() + c.filled, space, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Arm(connection, EPOLLIN);
  if (got <= 0) return Close(connection);
  c.filled += static_cast<size_t>(got);
  Advance(connection);
}

void HttpLoop::Advance(Connection* connection) {
  Connection& c = *connection;
  if (!c.head_done) {
    const std::string_view bytes(c.in.data(), c.filled);
    const net::ParseState state = c.scanner.Scan(bytes);
    if (state == net::ParseState::kNeedMore) return Arm(connection, EPOLLIN);
    if (state == net::ParseState::kError) {
      return Refuse(connection, c.scanner.http_status(), c.scanner.message());
    }
    const net::RequestFraming framing =
        net::ParseRequestHead(bytes.substr(c.scanner.begin(), c.scanner.end() - c.scanner.begin()),
                              net::HeadLimits{}, &c.head);
    if (framing.http_status != 0) return Refuse(connection, framing.http_status, framing.message);
    if (framing.chunked) return Refuse(connection, 411, "a body needs a Content-Length");
    c.keep_alive = framing.keep_alive;
    c.body_at = c.scanner.end();
    if (c.head.content_length.value_or(0) > limits_.request_bytes_max) {
      return Refuse(connection, 413,
                    fmt::format("the body is larger than {} bytes", limits_.request_bytes_max));
    }
    c.body_size = c.head.content_length.value_or(0);
    c.head_done = true;
  }
  if (c.filled < c.body_at + c.body_size) return Arm(connection, EPOLLIN);
  c.busy = true;
  // Nothing may follow before the answer: the connection is closed after it.
  if (c.filled > c.body_at + c.body_size) c.keep_alive = false;
  const HttpRequest request{&c.head, std::string_view(c.in.data() + c.body_at, c.body_size)};
  handler_(request,
           [this, connection](HttpAnswer answer) { Answer(connection, std::move(answer)); });
}

void HttpLoop::Refuse(Connection* connection, int status, std::string_view message) {
  connection->keep_alive = false;
  Answer(connection, {status, "application/json", ErrorBody(message)});
}

void HttpLoop::Answer(Connection* connection, HttpAnswer answer) {
  Connection& c = *connection;
  if (draining_) c.keep_alive = false;
  c.out_head.clear();
  fmt::format_to(std::back_inserter(c.out_head),
                 "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{}\r\n",
                 answer.status, net::ReasonPhrase(answer.status), answer.content_type,
                 answer.body.size(), c.keep_alive ? "" : "Connection: close\r\n");
  c.out_body = std::move(answer.body);
  c.written = 0;
  Write(connection);
}

void HttpLoop::Write(Connection* connection) {
  Connection& c = *connection;
  const size_t total = c.out_head.size() + c.out_body.size();
  while (c.written < total) {
    iovec parts[2];
    size_t count = 0;
    if (c.written < c.out_head.size()) {
      parts[count++] = {c.out_head.data() + c.written, c.out_head.size() - c.written};
    }
    const size_t into_body = c.written > c.out_head.size() ? c.written - c.out_head.size() : 0;
    if (into_body < c.out_body.size()) {
      parts[count++] = {c.out_body.data() + into_body, c.out_body.size() - into_body};
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    const ssize_t sent = sendmsg(c.fd.get(), &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return Arm(connection, EPOLLOUT);
    if (sent < 0) return Close(connection);
    c.written += static_cast<size_t>(sent);
  }
  Next(connection);
}

// Ready for the next request.
void HttpLoop::Next(Connection* connection) {
  Connection& c = *connection;
  if (!c.keep_alive) return Close(connection);
  c.filled = 0;
  c.head_done = false;
  c.scanner.Reset();
  std::string().swap(c.out_body);
  if (c.in.size() > limits_.kept_buffer_bytes) std::vector<char>().swap(c.in);
  // Drain() first says so and then looks for idle connections: one of the two sees the other.
  c.busy = false;
  if (draining_) return Close(connection);
  Arm(connection, EPOLLIN);
}

void HttpLoop::Arm(Connection* connection, uint32_t events) {
  if (!one_shot_ && connection->armed.load(std::memory_order_relaxed) == events) return;
  // Another thread may have the event, and close, before this call is back: Close() then waits.
  std::unique_lock lock(mutex_, std::defer_lock);
  if (one_shot_) lock.lock();
  connection->armed.store(events, std::memory_order_release);
  epoll_event event{};
  event.events = events | (one_shot_ ? EPOLLONESHOT : 0U);
  event.data.ptr = connection;
  epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection->fd.get(), &event);
}

void HttpLoop::Close(Connection* connection) {
  std::lock_guard lock(mutex_);
  connections_.erase(connection);
  closed_.notify_all();
}

void HttpLoop::Drain(std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, listener_.get(), nullptr);
  // A reader that is between two requests sees the end of the stream and closes.
  for (auto& [raw, connection] : connections_) {
    if (!raw->busy) shutdown(raw->fd.get(), SHUT_RD);
  }
  closed_.wait_for(lock, grace, [this] { return connections_.empty(); });
}

}  // namespace hodei::serve
