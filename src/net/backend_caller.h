// Requests to programs of this machine over unix sockets, made from an I/O thread over kept
// connections: what a handler that answers later passes its request on with.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"

namespace hodei::net {

// Kept and busy connections to one backend from one I/O thread.
inline constexpr size_t kBackendConnectionsMax = 64;
// A larger answer ends the call with RESOURCE_EXHAUSTED.
inline constexpr size_t kBackendBodyMaxBytes = 64 << 20;
inline constexpr size_t kBackendHeadMaxBytes = 16 << 10;

struct BackendRequest {
  uint64_t backend = 0;  // which connections may be used again
  int socket = -1;       // O_PATH descriptor of the backend's socket; must stay open during Call()
  std::string head;      // complete: request line, fields, Content-Length, empty line
  std::string body;
  std::chrono::milliseconds deadline{60'000};
};

struct BackendResponse {
  int status = 0;
  std::string content_type;
  std::string body;
};

// Belongs to its I/O thread.
class BackendCaller {
 public:
  using Done = std::function<void(Result<BackendResponse>)>;
  virtual ~BackendCaller() = default;
  // `done` is called exactly once, on this thread, maybe before Call() returns. UNAVAILABLE when
  // the backend cannot be reached or breaks off, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED.
  virtual void Call(BackendRequest request, Done done) = 0;
  // Runs `task` on this thread; from any thread, while the server runs.
  virtual void Post(std::function<void()> task) = 0;
};

}  // namespace hodei::net
