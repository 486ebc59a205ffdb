// A loopback socket that sends exactly the bytes it is given: for tests of framing and of faults.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "sys/unique_fd.h"

namespace hodei::net::testing {

class RawConnection {
 public:
  explicit RawConnection(uint16_t port);
  explicit RawConnection(const std::string& unix_path);

  bool Send(std::string_view bytes);
  // Everything until the peer closes, or until `deadline` has passed without that.
  std::string ReadToEnd(std::chrono::milliseconds deadline = std::chrono::seconds(20));
  // Until `mark` has been received, that included; what follows is kept for the next call.
  std::string ReadUntil(std::string_view mark);
  std::string ReadExactly(size_t size);
  // One response: its head and the body its Content-Length promises.
  std::string ReadResponse();
  // True when the peer has closed (after ReadToEnd).
  bool closed() const { return closed_; }
  void ShutdownWrite();
  // Closes with a reset instead of a polite end.
  void Reset();
  void Close() { fd_.Reset(); }
  int fd() const { return fd_.get(); }

 private:
  bool Receive(std::chrono::steady_clock::time_point deadline);

  UniqueFd fd_;
  std::string received_;
  bool closed_ = false;
};

}  // namespace hodei::net::testing
