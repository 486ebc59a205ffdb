// Operations that ended leave after a time, or when a project has too many.
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "base/clock.h"
#include "base/status.h"
#include "store/meta/meta_store.h"

namespace hodei::retention {

struct OperationLimits {
  std::chrono::hours age{24 * 30};  // retention.operation_days: after its end
  int64_t per_project = 10'000;     // retention.operations_per_project
};

// Read, and removed in one commit, at most.
inline constexpr size_t kOperationsAtOnce = 500;

// One pass over all operations; how many were removed. Those that have not ended stay, and count.
// The oldest of a project leave first.
Result<size_t> PurgeOperations(store::MetaStore* store, const OperationLimits& limits, WallTime now,
                               const std::stop_token& stop = {});

}  // namespace hodei::retention
