// The least that a server can do: a hand-written epoll loop that knows two answers. Benchmarks
// measure the real server against it in the same run.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "sys/unique_fd.h"

namespace hodei::net::testing {

class EpollFloor {
 public:
  // Answers every request with `response`, or, when `file` is valid, with `response` as the head
  // and `file_bytes` of the file by sendfile(2).
  EpollFloor(std::string response, int file, uint64_t file_bytes);
  ~EpollFloor();

  uint16_t port() const { return port_; }
  // CPU time of the server's thread so far.
  double cpu_seconds() const;

 private:
  void Run();
  void Serve(int fd);
  bool SendFile(int fd);

  const std::string response_;
  const int file_;
  const uint64_t file_bytes_;
  UniqueFd listener_;
  UniqueFd epoll_;
  UniqueFd stop_;
  uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace hodei::net::testing
