// The BackendCaller of an I/O thread. Connections are not kept longer than kIdleMs.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "net/backend_caller.h"

namespace boost::asio {
class io_context;
}

namespace hodei::net {

class BackendConnection;

class BackendPool final : public BackendCaller {
 public:
  static constexpr int64_t kIdleMs = 30'000;

  explicit BackendPool(boost::asio::io_context* context) : context_(context) {}
  ~BackendPool() override;

  void Call(BackendRequest request, Done done) override;
  void Post(std::function<void()> task) override;
  // Ends calls past their deadline and connections that nobody used for long.
  void Sweep(int64_t now_ms);
  // Ends every call and connection; later calls are UNAVAILABLE.
  void Close();
  bool empty() const { return backends_.empty(); }

 private:
  friend class BackendConnection;
  struct Backend {
    std::vector<std::shared_ptr<BackendConnection>> idle;
    std::vector<std::shared_ptr<BackendConnection>> busy;
  };
  std::vector<std::shared_ptr<BackendConnection>> All() const;
  // A call has ended: the connection is kept, or dropped when it cannot go on.
  void Return(BackendConnection* connection, bool keep);

  boost::asio::io_context* const context_;
  std::unordered_map<uint64_t, Backend> backends_;
  bool closed_ = false;
};

}  // namespace hodei::net
