// Listening sockets: made here, and served by accepting on an I/O thread.
#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "net/http_message.h"
#include "net/io_thread.h"
#include "sys/unique_fd.h"

namespace hodei::net {

// A non-blocking listening TCP socket on a literal address; sets `port` to the bound one.
Result<UniqueFd> ListenOnTcp(const std::string& address, uint16_t* port);
// The same on a unix socket, in place of a socket file that is already there.
Result<UniqueFd> ListenOnUnix(const std::string& path, mode_t mode);

// Accepts on one listening socket. Belongs to `io`'s thread but for its making.
class Listener : public std::enable_shared_from_this<Listener> {
 public:
  // Called for every connection, on `io`'s thread. `peer` has the address and the label.
  using Accepted = std::function<void(UniqueFd, Peer)>;
  // Called for one connection at a time while the process has no descriptor left (fault F11): its
  // peer is told so and let go.
  using Refused = std::function<void(UniqueFd)>;
  Listener(IoThread* io, UniqueFd socket, std::string label, Accepted accepted, Refused refused);

  void Start();
  // Closes the socket; nothing is accepted afterwards.
  void Close();
  const std::string& label() const { return label_; }

 private:
  void Wait();
  void AcceptAll();
  void Pause();
  void RefuseOne();

  IoThread* const io_;
  boost::asio::posix::stream_descriptor socket_;
  boost::asio::steady_timer pause_;
  const std::string label_;
  const Accepted accepted_;
  const Refused refused_;
  // Given up for the moment that one peer is told, and taken again.
  UniqueFd spare_;
};

}  // namespace hodei::net
