#include "net/transport.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
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
  asio::awaitable<bool> Handshake() override { co_return true; }
  asio::awaitable<void> Shutdown() override { co_return; }

  asio::awaitable<IoCount> ReadSome(char* data, size_t size) override {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    auto buffer = asio::buffer(data, size);
    const size_t n = co_await socket_.async_read_some(buffer, token);
    co_return error ? -1 : static_cast<IoCount>(n);
  }

  bool HasPending() override { return HasUnreadBytes(fd()); }

  IoCount WriteNow(std::string_view* first, std::string_view* second, bool more) override {
    IoCount total = 0;
    while (!first->empty() || !second->empty()) {
      iovec parts[2] = {{const_cast<char*>(first->data()), first->size()},
                        {const_cast<char*>(second->data()), second->size()}};
      msghdr message{};
      message.msg_iov = first->empty() ? parts + 1 : parts;
      message.msg_iovlen = first->empty() || second->empty() ? 1 : 2;
      const int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0);
      const ssize_t n = sendmsg(fd(), &message, flags);
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

  asio::awaitable<IoCount> WriteSome(std::string_view bytes) override {
    const bool writable = co_await WaitWritable(&socket_);
    if (!writable) co_return -1;
    std::string_view none;
    co_return WriteNow(&bytes, &none, false);
  }

 private:
  StreamSocket socket_;
};

class TlsTransport : public Transport {
 public:
  TlsTransport(StreamSocket socket, std::shared_ptr<asio::ssl::context> context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  StreamSocket& socket() override { return stream_.next_layer(); }
  bool sendfile_works() const override { return false; }

  asio::awaitable<bool> Handshake() override {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await stream_.async_handshake(asio::ssl::stream_base::server, token);
    co_return !error;
  }

  asio::awaitable<void> Shutdown() override {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await stream_.async_shutdown(token);
  }

  asio::awaitable<IoCount> ReadSome(char* data, size_t size) override {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    auto buffer = asio::buffer(data, size);
    const size_t n = co_await stream_.async_read_some(buffer, token);
    co_return error ? -1 : static_cast<IoCount>(n);
  }

  bool HasPending() override {
    return SSL_pending(stream_.native_handle()) > 0 || HasUnreadBytes(fd());
  }

  // Records are made and sent by WriteSome() only.
  IoCount WriteNow(std::string_view* /*first*/, std::string_view* /*second*/,
                   bool /*more*/) override {
    return 0;
  }

  asio::awaitable<IoCount> WriteSome(std::string_view bytes) override {
    boost::system::error_code error;
    auto token = asio::redirect_error(asio::use_awaitable, error);
    auto buffer = asio::buffer(bytes.data(), bytes.size());
    const size_t n = co_await stream_.async_write_some(buffer, token);
    co_return error ? -1 : static_cast<IoCount>(n);
  }

 private:
  // Shared with the server, which replaces its own on a reload.
  std::shared_ptr<asio::ssl::context> context_;
  asio::ssl::stream<StreamSocket> stream_;
};

}  // namespace

asio::awaitable<bool> WaitWritable(StreamSocket* socket) {
  boost::system::error_code error;
  auto token = asio::redirect_error(asio::use_awaitable, error);
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
