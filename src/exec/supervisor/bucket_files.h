// The process that answers for a replica's bucket files (docs/decisions/0036): hodei-bucketfs, as
// the job's host user and within its control groups, so that it is limited and killed with the job,
// but outside the sandbox, where the job cannot touch it.
#pragma once

#include "base/status.h"
#include "exec/record/replica_records.h"
#include "exec/sandbox/sandbox.h"

namespace hodei::exec {

// Serves view.bucket_device. The process dies with its caller, which reaps it.
Status StartBucketFiles(const LaunchPlan& plan, const SandboxView& view);

}  // namespace hodei::exec
