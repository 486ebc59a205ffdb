// The logs of jobs and versions against their limits: what is planned is removed.
#pragma once

#include <stop_token>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "domain/jobs/job_table.h"
#include "domain/models/registry.h"
#include "domain/retention/plan_log_removal.h"

namespace hodei::retention {

// Jobs whose logs are removed in one step.
inline constexpr size_t kLogsAtOnce = 500;

class LogRetention {
 public:
  // Not owned.
  struct Parts {
    store::LogStore* logs = nullptr;
    store::MetaStore* meta = nullptr;
    const Clock* clock = nullptr;
    std::string jobs_dir;  // folder of jobs' folders
  };
  LogRetention(Parts parts, LogLimits limits);

  // One pass; how many logs were removed. A job's folder goes with its log, its record stays.
  Result<size_t> RunOnce(const std::stop_token& stop = {});

 private:
  Result<std::vector<HeldLog>> Held() const;
  Status Remove(const std::vector<store::LogVolume>& volumes);

  const Parts parts_;
  const LogLimits limits_;
  jobs::JobTable jobs_;
  models::Registry registry_;
};

}  // namespace hodei::retention
