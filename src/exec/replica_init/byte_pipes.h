// Pairs of connected sockets whose bytes are passed from one to the other, in both directions. One
// thread, driven by an epoll loop; bounded: two buffers of kBuffer for each pair.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "sys/unique_fd.h"

namespace hodei::exec {

class BytePipes {
 public:
  static constexpr size_t kBuffer = 64 << 10;

  BytePipes();
  ~BytePipes();
  void Attach(int epoll_fd) { epoll_fd_ = epoll_fd; }
  // Both descriptors do not block. `server` may still be connecting; `first` is what it gets first.
  void Add(UniqueFd client, UniqueFd server, std::string first);
  // False when `fd` belongs to no pair.
  bool Handle(int fd, uint32_t events);
  size_t size() const { return pipes_.size() / 2; }

 private:
  struct Pipe;  // one pair
  void Pump(Pipe* pipe);
  void Close(Pipe* pipe);
  void Arm(Pipe* pipe);

  int epoll_fd_ = -1;
  std::map<int, std::shared_ptr<Pipe>> pipes_;  // both descriptors of each
};

}  // namespace hodei::exec
