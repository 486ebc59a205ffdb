// Carries the pieces of a StreamBody from whatever thread makes them to the connection's thread,
// and drops them when the connection is gone, even when the whole server is.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/status.h"
#include "net/io_thread.h"

namespace hodei::net {

// Shared between the connection and every `done` callback it gave away: those may outlive it.
class StreamMailbox {
 public:
  using Receiver = std::function<void(Result<std::string>)>;

  // `receive` is called on `io`'s thread, never after Close().
  StreamMailbox(IoThread* io, Receiver receive) : io_(io), receive_(std::move(receive)) {}

  static std::function<void(Result<std::string>)> Callback(std::shared_ptr<StreamMailbox> box) {
    return [box = std::move(box)](Result<std::string> piece) {
      const std::lock_guard lock(box->mutex_);
      // Posting under the lock: Close() runs on the I/O thread before that thread can end.
      if (box->io_ == nullptr) return;
      box->io_->Post([box, piece = std::move(piece)]() mutable {
        if (box->receive_) box->receive_(std::move(piece));
      });
    };
  }

  // On the I/O thread.
  void Close() {
    const std::lock_guard lock(mutex_);
    io_ = nullptr;
    receive_ = nullptr;
  }

 private:
  std::mutex mutex_;
  IoThread* io_;      // guarded by mutex_
  Receiver receive_;  // used on the I/O thread only
};

}  // namespace hodei::net
