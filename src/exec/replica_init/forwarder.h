// Passes bytes between a TCP port inside a replica and one of the API's unix sockets. Connects anew
// for each connection, so a restarted server is reached without anybody's help. One thread, driven
// by an epoll loop; bounded: kMaxConnections.
#pragma once

#include <cstdint>

#include "exec/replica_init/byte_pipes.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

class Forwarder {
 public:
  static constexpr size_t kMaxConnections = 256;

  // `address` is an IPv4 address of this network namespace.
  Forwarder(const char* address, uint16_t port, const char* socket_path);
  // Listens and registers with `epoll_fd`; false with errno on failure. Events of its descriptors
  // carry them as data.fd and go to Handle().
  bool Listen(int epoll_fd);
  // False when `fd` is none of its descriptors.
  bool Handle(int fd, uint32_t events);
  uint16_t port() const { return port_; }
  size_t connections() const { return pipes_.size(); }

 private:
  void Accept();

  const char* address_;
  uint16_t port_;
  const char* socket_path_;
  int epoll_fd_ = -1;
  bool accepting_ = true;
  UniqueFd listener_;
  BytePipes pipes_;
};

}  // namespace hodei::exec
