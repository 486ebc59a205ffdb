// What training and prediction jobs share when they are submitted.
#pragma once

#include <string>

#include "cli/context.h"

namespace hodei::cli {

// "/v1/projects/P/jobs".
std::string JobsPath(const std::string& project);
// The stored job; a name that is taken is explained.
Result<Json> CreateJob(Context& context, const std::string& project, const Json& job);
// Says that the job is there and how to follow it, and prints its id and state. With `stream`,
// prints its logs to standard error until it ends; the exit code is then 1 unless it succeeded.
Result<int> ReportSubmission(Context& context, const Json& job, bool stream);

// The fields gcloud prints of a job it has just submitted.
inline constexpr char kSubmittedFormat[] =
    "yaml(jobId,state,startTime.date(tz=LOCAL),endTime.date(tz=LOCAL))";

}  // namespace hodei::cli
