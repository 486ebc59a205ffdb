// One I/O thread: its event loop, the connections that live on it and the sweep over their
// deadlines. Everything but Post(), Run() and Join() belongs to that thread.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>

#include "net/backend_pool.h"
#include "net/http_server.h"
#include "net/response_head.h"
#include "net/worker_pool.h"

namespace hodei::net {

// What every connection of a server shares. Outlives them all.
class ServerCore {
 public:
  ServerCore(const ServerOptions& server_options, Application* app, WorkerPool* worker_pool)
      : options(server_options), application(app), pool(worker_pool) {}

  const ServerOptions options;
  Application* const application;
  WorkerPool* const pool;
  std::atomic<size_t> connections{0};
  std::atomic<bool> stopping{false};

  void ConnectionEnded();
  // False when connections are still there at `deadline`.
  bool WaitForConnections(std::chrono::steady_clock::time_point deadline);

 private:
  std::mutex mutex_;
  std::condition_variable none_left_;
};

// Milliseconds of a coarse monotonic clock: deadlines are whole seconds.
int64_t CoarseNowMs();

class ConnectionBase {
 public:
  virtual ~ConnectionBase() = default;
  // Acts on a passed deadline, on a peer that went away, and on the server's stopping.
  virtual void Sweep(int64_t now_ms) = 0;
  // Ends the connection: pending reads and writes fail at once.
  virtual void Cut() = 0;
  // The label of the unix socket it came through.
  virtual const std::string& label() const = 0;
};

class IoThread {
 public:
  explicit IoThread(ServerCore* core);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void Start();
  // Lets the loop end when nothing is left to do, and waits for that.
  void Join();
  template <typename F>
  void Post(F f) {
    boost::asio::post(context_, std::move(f));
  }

  boost::asio::io_context& context() { return context_; }
  BackendPool& backends() { return backends_; }
  DateText& date() { return date_; }
  RequestIds& request_ids() { return request_ids_; }
  void Add(ConnectionBase* connection);
  void Remove(ConnectionBase* connection);
  void SweepNow();
  void CutAll();
  void CutLabel(const std::string& label);

 private:
  void ArmSweep();

  ServerCore* const core_;
  boost::asio::io_context context_;
  BackendPool backends_{&context_};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  boost::asio::steady_timer sweep_timer_;
  bool sweep_armed_ = false;
  std::chrono::milliseconds sweep_interval_;
  DateText date_;
  RequestIds request_ids_;
  std::unordered_set<ConnectionBase*> connections_;
  std::thread thread_;
};

}  // namespace hodei::net
