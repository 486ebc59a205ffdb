// Named places where a test may make the world fail, at every durable step (tests F1, F8, F10).
//
//   HODEI_FAILPOINT("job.create.committed");          // may kill the process or delay
//   RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("object.sync"));  // may also return an error
//
// Armed by the environment variable HODEI_FAILPOINTS, read once at start, only in programs that
// call ArmFailpointsFromEnvironment(): "name=kill@3;other=error:ENOSPC;third=delay:50". "@N" acts
// at the N-th hit only (default: every hit). With HODEI_FAILPOINT_LOG set, every hit appends its
// name to that file, so that a test can list all and fail when one was never hit.
// Without arming the cost is one relaxed load.
#pragma once

#include <atomic>
#include <string_view>

#include "base/status.h"

namespace hodei {

void ArmFailpointsFromEnvironment();

namespace internal {
extern std::atomic<bool> failpoints_armed;
Status HitFailpoint(std::string_view name);
}  // namespace internal

#define HODEI_FAILPOINT_STATUS(name)                                                     \
  (::hodei::internal::failpoints_armed.load(std::memory_order_relaxed)                   \
       ? ::hodei::internal::HitFailpoint(name)                                           \
       : ::hodei::Status())
#define HODEI_FAILPOINT(name) (void)HODEI_FAILPOINT_STATUS(name)

}  // namespace hodei
