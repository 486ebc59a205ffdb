// Names of jobs. Thread-safe, pure.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::jobs {

inline constexpr size_t kJobIdMaxBytes = 128;

struct JobName {
  std::string project;
  std::string job_id;
};

// A letter, then letters, digits and '_', at most kJobIdMaxBytes.
bool IsJobId(std::string_view text);
// "projects/P/jobs/J"; INVALID_ARGUMENT for any other form. J need not be a valid job id.
Result<JobName> ParseJobName(std::string_view name);
std::string FormatJobName(std::string_view project, std::string_view job_id);

}  // namespace hodei::jobs
