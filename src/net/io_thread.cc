#include "net/io_thread.h"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <algorithm>
#include <vector>

namespace hodei::net {
namespace {

std::chrono::milliseconds SweepInterval(const ServerOptions& options) {
  using std::chrono::milliseconds;
  const milliseconds shortest = std::min({options.head_deadline, options.idle_deadline,
                                          options.body_piece_deadline, options.drain_deadline});
  return std::clamp(shortest / 4, milliseconds(10), milliseconds(250));
}

}  // namespace

int64_t CoarseNowMs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

void ServerCore::ConnectionEnded() {
  if (connections.fetch_sub(1) > 1 || !stopping.load()) return;
  const std::lock_guard lock(mutex_);
  none_left_.notify_all();
}

bool ServerCore::WaitForConnections(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(mutex_);
  return none_left_.wait_until(lock, deadline, [this] { return connections.load() == 0; });
}

IoThread::IoThread(ServerCore* core)
    : core_(core),
      context_(1),
      work_(context_.get_executor()),
      sweep_timer_(context_),
      sweep_interval_(SweepInterval(core->options)) {}

IoThread::~IoThread() { Join(); }

void IoThread::Start() {
  thread_ = std::thread([this] {
    // sendfile(2) has no MSG_NOSIGNAL.
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
    context_.run();
  });
  pthread_setname_np(thread_.native_handle(), "http-io");
}

void IoThread::Join() {
  // Kept connections to backends, and the sweep over them, would hold the loop.
  if (thread_.joinable()) Post([this] { backends_.Close(); });
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

void IoThread::Add(ConnectionBase* connection) {
  connections_.insert(connection);
  ArmSweep();
}

void IoThread::Remove(ConnectionBase* connection) {
  connections_.erase(connection);
  if (connections_.empty() && backends_.empty()) sweep_timer_.cancel();
}

void IoThread::ArmSweep() {
  if (sweep_armed_ || (connections_.empty() && backends_.empty())) return;
  sweep_armed_ = true;
  sweep_timer_.expires_after(sweep_interval_);
  sweep_timer_.async_wait([this](const boost::system::error_code& error) {
    sweep_armed_ = false;
    if (!error) SweepNow();
    ArmSweep();
  });
}

void IoThread::SweepNow() {
  const int64_t now_ms = CoarseNowMs();
  // Sweep() only cancels; connections leave the set later, from their own coroutines.
  for (ConnectionBase* connection : connections_) connection->Sweep(now_ms);
  backends_.Sweep(now_ms);
}

void IoThread::CutAll() {
  for (ConnectionBase* connection : connections_) connection->Cut();
}

void IoThread::CutLabel(const std::string& label) {
  for (ConnectionBase* connection : connections_) {
    if (connection->label() == label) connection->Cut();
  }
}

}  // namespace hodei::net
