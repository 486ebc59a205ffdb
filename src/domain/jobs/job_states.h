// The states of a job and the moves between them, as docs/states/job.md draws them.
#pragma once

#include <utility>
#include <vector>

#include "google/cloud/ml/v1/job.pb.h"

namespace hodei::jobs {

using JobState = google::cloud::ml::v1::Job::State;

// Every allowed move; a state may also stay as it is.
const std::vector<std::pair<JobState, JobState>>& JobMoves();
bool MayMove(JobState from, JobState to);

}  // namespace hodei::jobs
