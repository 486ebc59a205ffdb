#include "net/backend_pool.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "net/http_parser.h"
#include "net/input_buffer.h"
#include "net/io_thread.h"
#include "net/transport.h"

namespace hodei::net {
namespace {

namespace asio = boost::asio;

constexpr HeadLimits kLimits{
    .head_bytes = kBackendHeadMaxBytes, .target_bytes = 1024, .fields = 64};
constexpr size_t kFirstReadBytes = 8 * 1024;

Result<UniqueFd> ConnectTo(int socket_path) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return ErrnoStatus(errno, "socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d", socket_path);
  // EAGAIN: its queue of new connections is full, which is an overload too.
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return Unavailable(fmt::format("connect to the backend: {}", std::strerror(errno)));
  }
  return fd;
}

}  // namespace

// One connection; at most one call at a time. Kept alive by the pool and by pending reads.
class BackendConnection : public std::enable_shared_from_this<BackendConnection> {
 public:
  BackendConnection(BackendPool* pool, uint64_t backend, StreamSocket socket)
      : pool_(pool), backend_(backend), socket_(std::move(socket)), scanner_(kLimits) {}

  uint64_t backend() const { return backend_; }
  bool IsLate(int64_t now_ms) const { return now_ms > until_ms_; }
  void KeepUntil(int64_t until_ms) { until_ms_ = until_ms; }

  void Start(BackendRequest request, BackendCaller::Done done) {
    done_ = std::move(done);
    head_ = std::move(request.head);
    body_ = std::move(request.body);
    rest_of_head_ = head_;
    rest_of_body_ = body_;
    until_ms_ = CoarseNowMs() + request.deadline.count();
    scanner_.Reset();
    response_head_ = ResponseHead();
    has_head_ = false;
    Send();
  }

  // Ends the call, if there is one, and the connection.
  void End(Status status) {
    boost::system::error_code ignored;
    socket_.close(ignored);
    Finish(std::move(status), false);
  }

  void Detach() { pool_ = nullptr; }

 private:
  void Send() {
    while (!rest_of_head_.empty() || !rest_of_body_.empty()) {
      iovec parts[2] = {{const_cast<char*>(rest_of_head_.data()), rest_of_head_.size()},
                        {const_cast<char*>(rest_of_body_.data()), rest_of_body_.size()}};
      msghdr message{};
      message.msg_iov = rest_of_head_.empty() ? parts + 1 : parts;
      message.msg_iovlen = rest_of_head_.empty() ? 1 : 2;
      const ssize_t n = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SendLater();
      if (n < 0) break;  // it may have answered before it closed
      const size_t of_head = std::min(static_cast<size_t>(n), rest_of_head_.size());
      rest_of_head_.remove_prefix(of_head);
      rest_of_body_.remove_prefix(static_cast<size_t>(n) - of_head);
    }
    Receive();
  }

  void SendLater() {
    socket_.async_wait(StreamSocket::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& error) {
                         if (!self->done_) return;
                         if (error) return self->End(Unavailable("the backend went away"));
                         self->Send();
                       });
  }

  void Receive() {
    size_t wanted = kFirstReadBytes;
    if (has_head_) wanted = std::max(wanted, static_cast<size_t>(*response_head_.content_length));
    in_.Reserve(std::max(wanted, in_.size() + kFirstReadBytes));
    socket_.async_read_some(
        asio::buffer(in_.free_data(), in_.free_size()),
        [self = shared_from_this()](const boost::system::error_code& error, size_t n) {
          if (!self->done_) return;
          if (error || n == 0) return self->End(Unavailable("the backend broke off its answer"));
          self->in_.Commit(n);
          self->TakeIn();
        });
  }

  void TakeIn() {
    if (!has_head_) {
      const ParseState state = scanner_.Scan(in_.view());
      if (state == ParseState::kNeedMore) return Receive();
      const std::string_view bytes =
          state == ParseState::kDone
              ? in_.view().substr(scanner_.begin(), scanner_.end() - scanner_.begin())
              : std::string_view();
      if (bytes.empty() || !ParseResponseHead(bytes, kLimits, &response_head_) ||
          !response_head_.content_length) {
        return End(Unavailable("the backend's answer is malformed"));
      }
      if (*response_head_.content_length > kBackendBodyMaxBytes) {
        return End(ResourceExhausted(
            fmt::format("the answer is larger than {} bytes", kBackendBodyMaxBytes)));
      }
      in_.Consume(scanner_.end());
      has_head_ = true;
    }
    const auto length = static_cast<size_t>(*response_head_.content_length);
    if (in_.size() < length) return Receive();
    BackendResponse response;
    response.status = response_head_.status;
    response.content_type = response_head_.headers.Get("Content-Type");
    response.body.assign(in_.data(), length);
    in_.Consume(length);
    // Bytes nobody asked for would be taken for the next answer.
    Finish(std::move(response), response_head_.keep_alive && in_.empty());
  }

  void Finish(Result<BackendResponse> result, bool keep) {
    const auto self = shared_from_this();
    BackendCaller::Done done = std::move(done_);
    done_ = nullptr;
    // Before `done`, which may make the next call.
    if (pool_ != nullptr) pool_->Return(this, keep);
    if (!keep) {
      boost::system::error_code ignored;
      socket_.close(ignored);
    }
    if (done) done(std::move(result));
  }

  BackendPool* pool_;
  const uint64_t backend_;
  StreamSocket socket_;
  BackendCaller::Done done_;
  std::string head_;
  std::string body_;
  std::string_view rest_of_head_;
  std::string_view rest_of_body_;
  InputBuffer in_;
  HeadScanner scanner_;
  ResponseHead response_head_;
  bool has_head_ = false;
  int64_t until_ms_ = 0;
};

BackendPool::~BackendPool() {
  for (auto& [key, backend] : backends_) {
    for (const auto& connection : backend.idle) connection->Detach();
    for (const auto& connection : backend.busy) connection->Detach();
  }
}

void BackendPool::Call(BackendRequest request, Done done) {
  if (closed_) return done(Unavailable("the server is stopping"));
  Backend& backend = backends_[request.backend];
  std::shared_ptr<BackendConnection> connection;
  if (!backend.idle.empty()) {
    connection = std::move(backend.idle.back());
    backend.idle.pop_back();
  } else if (backend.busy.size() >= kBackendConnectionsMax) {
    return done(ResourceExhausted("too many calls to one backend at once"));
  } else {
    Result<UniqueFd> fd = ConnectTo(request.socket);
    if (!fd.ok()) return done(fd.status());
    StreamSocket socket(context_->get_executor());
    boost::system::error_code error;
    socket.assign(asio::generic::stream_protocol(AF_UNIX, 0), fd->get(), error);
    if (error) return done(Unavailable("watch the backend's socket: " + error.message()));
    (void)fd->Release();
    connection = std::make_shared<BackendConnection>(this, request.backend, std::move(socket));
  }
  backend.busy.push_back(connection);
  connection->Start(std::move(request), std::move(done));
}

void BackendPool::Post(std::function<void()> task) { asio::post(*context_, std::move(task)); }

void BackendPool::Return(BackendConnection* connection, bool keep) {
  const auto found = backends_.find(connection->backend());
  if (found == backends_.end()) return;
  auto& busy = found->second.busy;
  const auto it = std::find_if(busy.begin(), busy.end(),
                               [&](const auto& other) { return other.get() == connection; });
  if (it == busy.end()) {
    std::erase_if(found->second.idle, [&](const auto& other) { return other.get() == connection; });
  } else {
    std::shared_ptr<BackendConnection> held = std::move(*it);
    *it = std::move(busy.back());
    busy.pop_back();
    if (keep) {
      held->KeepUntil(CoarseNowMs() + kIdleMs);
      found->second.idle.push_back(std::move(held));
    }
  }
  if (found->second.busy.empty() && found->second.idle.empty()) backends_.erase(found);
}

std::vector<std::shared_ptr<BackendConnection>> BackendPool::All() const {
  std::vector<std::shared_ptr<BackendConnection>> all;
  for (const auto& [key, backend] : backends_) {
    all.insert(all.end(), backend.idle.begin(), backend.idle.end());
    all.insert(all.end(), backend.busy.begin(), backend.busy.end());
  }
  return all;
}

void BackendPool::Sweep(int64_t now_ms) {
  for (const auto& connection : All()) {
    if (connection->IsLate(now_ms)) {
      connection->End(DeadlineExceeded("the backend did not answer in time"));
    }
  }
}

void BackendPool::Close() {
  closed_ = true;
  for (const auto& connection : All()) connection->End(Unavailable("the server is stopping"));
}

}  // namespace hodei::net
