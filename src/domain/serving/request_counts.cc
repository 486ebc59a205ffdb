#include "domain/serving/request_counts.h"

#include <algorithm>
#include <cmath>

namespace hodei::serving {
namespace {

constexpr double kFirstBucketMs = 0.02;

}  // namespace

void RequestCounts::Add(int http_status, Nanoseconds latency, Nanoseconds now) {
  ++requests_;
  if (http_status == 429) ++overloads_;
  if (http_status >= 500) {
    ++server_errors_;
  } else if (http_status >= 400) {
    ++client_errors_;
  }
  const double ms = std::max(static_cast<double>(latency.count()) / 1e6, kFirstBucketMs);
  latency_sum_seconds_ += ms / 1e3;
  const auto bucket = static_cast<int>(std::log2(ms / kFirstBucketMs) * 2);
  ++latencies_[std::clamp(bucket, 0, kBuckets - 1)];
  const int64_t second = now / std::chrono::seconds(1);
  Second& slot = seconds_[static_cast<size_t>(second) % kRateSeconds];
  if (slot.number != second) slot = {second, 0};
  ++slot.requests;
}

double RequestCounts::RequestsPerSecond(Nanoseconds now) const {
  const int64_t second = now / std::chrono::seconds(1);
  int64_t sum = 0;
  for (const Second& slot : seconds_) {
    if (slot.number > second - kRateSeconds && slot.number <= second) sum += slot.requests;
  }
  return static_cast<double>(sum) / kRateSeconds;
}

double RequestCounts::LatencyMs(double share) const {
  const auto wanted = static_cast<int64_t>(std::ceil(share * static_cast<double>(requests_)));
  int64_t seen = 0;
  for (int i = 0; i < kBuckets; ++i) {
    seen += latencies_[i];
    // The middle of the bucket.
    if (requests_ > 0 && seen >= std::max<int64_t>(wanted, 1)) {
      return kFirstBucketMs * std::exp2((i + 0.5) / 2);
    }
  }
  return 0;
}

}  // namespace hodei::serving
