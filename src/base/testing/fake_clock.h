// A clock that moves when told. Thread-safe.
#pragma once

#include <atomic>

#include "base/clock.h"

namespace hodei::testing {

class FakeClock : public Clock {
 public:
  explicit FakeClock(WallTime start = {1'700'000'000'000'000'000}) : now_(start.unix_nanos) {}
  WallTime Now() const override { return {now_.load()}; }
  Nanoseconds Monotonic() const override { return Nanoseconds(monotonic_.load()); }
  // Both clocks move on.
  void Advance(Nanoseconds d) {
    now_ += d.count();
    monotonic_ += d.count();
  }
  // The wall clock jumps; the monotonic clock does not notice (fault F15).
  void JumpWall(Nanoseconds d) { now_ += d.count(); }

 private:
  std::atomic<int64_t> now_;
  std::atomic<int64_t> monotonic_{0};
};

}  // namespace hodei::testing
