// Carries a response from whatever thread makes it to the connection that waits for it, and drops
// it when the connection, or the whole server, is gone.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <utility>

#include "net/http_message.h"
#include "net/io_thread.h"

namespace hodei::net {

class LaterAnswer {
 public:
  using Receiver = std::function<void(HttpResponse)>;

  // `receive` is called on `io`'s thread, never after Close().
  LaterAnswer(IoThread* io, Receiver receive) : io_(io), receive_(std::move(receive)) {}

  static Receiver Callback(std::shared_ptr<LaterAnswer> box) {
    return [box = std::move(box)](HttpResponse response) {
      std::unique_lock lock(box->mutex_);
      if (box->io_ == nullptr) return;
      if (box->io_->context().get_executor().running_in_this_thread()) {
        lock.unlock();
        if (box->receive_) box->receive_(std::move(response));
        return;
      }
      // Posting under the lock: Close() runs on the I/O thread before that thread can end.
      box->io_->Post([box, response = std::move(response)]() mutable {
        if (box->receive_) box->receive_(std::move(response));
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
