// Passes bytes between 127.0.0.1:8380 inside a replica and the API's unix socket. Connects anew for
// each connection, so a restarted server is reached without anybody's help. One thread, driven by
// an epoll loop; bounded: kMaxConnections, two buffers of kBuffer each.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "sys/unique_fd.h"

namespace hodei::exec {

class Forwarder {
 public:
  static constexpr size_t kMaxConnections = 256;
  static constexpr size_t kBuffer = 64 << 10;

  Forwarder(uint16_t port, const char* socket_path);
  ~Forwarder();
  // Listens and registers with `epoll_fd`; false with errno on failure. Events of its descriptors
  // carry them as data.fd and go to Handle().
  bool Listen(int epoll_fd);
  void Handle(int fd, uint32_t events);
  uint16_t port() const { return port_; }
  size_t connections() const { return connections_.size() / 2; }

 private:
  struct Pipe;  // one connection: both sides
  void Accept();
  void Pump(Pipe* pipe);
  void Close(Pipe* pipe);
  void Arm(Pipe* pipe);

  uint16_t port_;
  const char* socket_path_;
  int epoll_fd_ = -1;
  bool accepting_ = true;
  UniqueFd listener_;
  std::map<int, std::shared_ptr<Pipe>> connections_;  // both descriptors of each
};

}  // namespace hodei::exec
