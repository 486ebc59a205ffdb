// The two ways bytes travel: a plain stream socket (TCP or unix) and TLS over one. Coroutines: only
// for files of this folder that g++ alone compiles.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>

namespace hodei::net {

// Asio's default is an executor of any type, which costs an allocation and some virtual calls for
// every operation; ours is always an io_context's.
using Executor = boost::asio::io_context::executor_type;
using StreamSocket =
    boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;
template <typename T>
using Awaitable = boost::asio::awaitable<T, Executor>;
inline constexpr boost::asio::use_awaitable_t<Executor> kUseAwaitable{};

// Bytes moved, or -1 when the connection can carry no more (end of stream included).
using IoCount = ssize_t;

// Belongs to the thread of its socket's executor. One read and one write at a time.
class Transport {
 public:
  virtual ~Transport() = default;
  // The socket below, for waiting on it and for closing.
  virtual StreamSocket& socket() = 0;
  int fd() { return socket().native_handle(); }
  // sendfile(2) to fd() reaches the peer.
  virtual bool sendfile_works() const = 0;

  virtual Awaitable<bool> Handshake() = 0;
  // Tells the peer that nothing more comes; may wait for its answer.
  virtual Awaitable<void> Shutdown() = 0;
  // Receives at least one byte; 0 when nothing more will come.
  virtual Awaitable<size_t> ReadSome(char* data, size_t size) = 0;
  // True when ReadSome() would hardly wait.
  virtual bool HasPending() = 0;
  // Sends what can be sent without waiting and removes it from `first` and `second`; -1 on error.
  // `more`: further bytes follow at once.
  virtual IoCount WriteNow(std::string_view* first, std::string_view* second, bool more) = 0;
  // Waits until the peer takes bytes, then sends some of `bytes`.
  virtual Awaitable<IoCount> WriteSome(std::string_view bytes) = 0;
};

std::unique_ptr<Transport> MakePlainTransport(StreamSocket socket);
std::unique_ptr<Transport> MakeTlsTransport(StreamSocket socket,
                                            std::shared_ptr<boost::asio::ssl::context> context);

// Waits until `socket` takes bytes; false when it never will.
Awaitable<bool> WaitWritable(StreamSocket* socket);

}  // namespace hodei::net
