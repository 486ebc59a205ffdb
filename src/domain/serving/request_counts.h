// How requests to a version went: counts, a rate and latencies. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace hodei::serving {

class RequestCounts {
 public:
  static constexpr int kBuckets = 40;
  static constexpr int kRateSeconds = 60;

  // One answered request. `now` is monotonic.
  void Add(int http_status, Nanoseconds latency, Nanoseconds now);

  int64_t requests() const { return requests_; }
  int64_t client_errors() const { return client_errors_; }
  int64_t server_errors() const { return server_errors_; }
  int64_t overloads() const { return overloads_; }
  // Over the last kRateSeconds.
  double RequestsPerSecond(Nanoseconds now) const;
  // Milliseconds, to about 20 %; 0 without requests. `share` from 0 to 1.
  double LatencyMs(double share) const;
  double latency_sum_seconds() const { return latency_sum_seconds_; }

 private:
  int64_t requests_ = 0;
  int64_t client_errors_ = 0;
  int64_t server_errors_ = 0;
  int64_t overloads_ = 0;
  double latency_sum_seconds_ = 0;
  std::array<int64_t, kBuckets> latencies_{};  // by powers of the square root of two of 20 µs
  struct Second {
    int64_t number = -1;
    int64_t requests = 0;
  };
  std::array<Second, kRateSeconds> seconds_{};
};

}  // namespace hodei::serving
