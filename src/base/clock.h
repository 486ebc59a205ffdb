// Time as a dependency. Durations come from the monotonic clock; the wall clock is for display,
// for stored timestamps and for token expiry only.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei {

using Nanoseconds = std::chrono::nanoseconds;
// Nanoseconds since the Unix epoch, UTC.
struct WallTime {
  int64_t unix_nanos = 0;
  auto operator<=>(const WallTime&) const = default;
  WallTime operator+(Nanoseconds d) const { return {unix_nanos + d.count()}; }
  Nanoseconds operator-(WallTime o) const { return Nanoseconds(unix_nanos - o.unix_nanos); }
};

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual WallTime Now() const = 0;
  // Time since an arbitrary start; never goes back, counts while the machine sleeps.
  virtual Nanoseconds Monotonic() const = 0;
};

// The machine's clock; lives for the whole program. main() passes it down.
const Clock& SystemClock();

// "2024-05-01T10:00:00.123456789Z". `fraction_digits` is 0, 3, 6 or 9: constant, so that
// timestamps compare as strings.
std::string FormatRfc3339(WallTime time, int fraction_digits = 9);
// Accepts any fraction of up to 9 digits and any numeric offset. INVALID_ARGUMENT otherwise.
Result<WallTime> ParseRfc3339(std::string_view text);
// "Tue, 15 Nov 1994 08:12:31 GMT" (RFC 9110, 5.6.7).
std::string FormatHttpDate(int64_t unix_seconds);

}  // namespace hodei
