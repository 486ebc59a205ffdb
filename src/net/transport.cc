#include "net/transport.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cerrno>

namespace hodei::net {
namespace {

namespace asio = boost::asio;

bool HasUnreadBytes(int fd) {
  int waiting = 0;
  return ioctl(fd, FIONREAD, &waiting) == 0 && waiting > 0;
}

class PlainTransport : public Transport {
 public:
  explicit PlainTransport(StreamSocket socket) : socket_(std::move(socket)) {}

  StreamSocket& socket() override { return socket_; }
  bool sendfile_works() const override { return true; }
  Awaitable<bool> Handshake() override { co_return true; }
  Awaitable<void> Shutdown() override { co_return; }

  // No coroutine of its own: one frame less for every request.
  Awaitable<size_t> ReadSome(char* data, size_t size) override {
    return socket_.async_read_some(asio::buffer(data, size),
                                   asio::redirect_error(kUseAwaitable, read_error_));
  }

  bool HasPending() override { return HasUnreadBytes(fd()); }

  IoCount WriteNow(std::string_view* first, std::string_view* second, bool more) override {
    IoCount total = 0;
    while (!first->empty() || !second->empty()) {
      const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
      iovec parts[2] = {{const_cast<char*>(first->data()), first->size()},
                        {const_cast<char*>(second->data()), second->size()}};
      msghdr message{};
      message.msg_iov = first->empty() ? parts + 1 : parts;
      message.msg_iovlen = first->empty() || second->empty() ? 1 : 2;
      // send() is the cheaper call by some tenths of a microsecond.
      const ssize_t n = second->empty() ? send(fd(), first->data(), first->size(), flags)
                                        : sendmsg(fd(), &message, flags);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return total;
      if (n < 0) return -1;
      total += n;
      const size_t of_first = std::min(first->size(), static_cast<size_t>(n));
      first->remove_prefix(of_first);
      second->remove_prefix(static_cast<size_t>(n) - of_first);
    }
    return total;
  }

  Awaitable<IoCount> WriteSome(std::string_view bytes) override {
    const bool writable = co_await WaitWritable(&socket_);
    if (!writable) co_return -1;
    std::string_view none;
    co_return WriteNow(&bytes, &none, false);
  }

 private:
  StreamSocket socket_;
  boost::system::error_code read_error_;
};

class TlsTransport : public Transport {
 public:
  TlsTransport(StreamSocket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  StreamSocket& socket() override { return stream_.next_layer(); }
  bool sendfile_works() const override { return false; }

  Awaitable<bool> Handshake() override {
    boost::system::error_code error;
    auto token = asio::redirect_error(kUseAwaitable, error);
    co_await stream_.async_handshake(asio::ssl::stream_base::server, token);
    co_return !error;
  }

  Awaitable<void> Shutdown() override {
    boost::system::error_code error;
    auto token = asio::redirect_error(kUseAwaitable, error);
    co_await stream_.async_shutdown(token);
  }

  Awaitable<size_t> ReadSome(char* data, size_t size) override {
    return stream_.async_read_some(asio::buffer(data, size),
                                   asio::redirect_error(kUseAwaitable, read_error_));
  }

  bool HasPending() override {
    return SSL_pending(stream_.native_handle()) > 0 || HasUnreadBytes(fd());
  }

  // Records are made and sent by WriteSome() only.
  IoCount WriteNow(std::string_view* /*first*/, std::string_view* /*second*/,
                   bool /*more*/) override {
    return 0;
  }

  Awaitable<IoCount> WriteSome(std::string_view bytes) override {
    boost::system::error_code error;
    auto token = asio::redirect_error(kUseAwaitable, error);
    auto buffer = asio::buffer(bytes.data(), bytes.size());
    const size_t n = co_await stream_.async_write_some(buffer, token);
    co_return error ? -1 : static_cast<IoCount>(n);
  }

 private:
  // Shared with the server, which replaces its own on a reload.
  std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<StreamSocket> stream_;
  boost::system::error_code read_error_;
};

}  // namespace

Awaitable<bool> WaitWritable(StreamSocket* socket) {
  boost::system::error_code error;
  auto token = asio::redirect_error(kUseAwaitable, error);
  co_await socket->async_wait(StreamSocket::wait_write, token);
  co_return !error;
}

std::unique_ptr<Transport> MakePlainTransport(StreamSocket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

std::unique_ptr<Transport> MakeTlsTransport(StreamSocket socket,
                                            std::shared_ptr<asio::ssl::context> context) {
  return std::make_unique<TlsTransport>(std::move(socket), std::move(context));
}

}  // namespace hodei::net
