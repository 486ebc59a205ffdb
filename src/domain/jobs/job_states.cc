#include "domain/jobs/job_states.h"

#include <algorithm>

namespace hodei::jobs {

using google::cloud::ml::v1::Job;

const std::vector<std::pair<JobState, JobState>>& JobMoves() {
  static const auto* const moves = new std::vector<std::pair<JobState, JobState>>{
      {Job::QUEUED, Job::PREPARING},     {Job::QUEUED, Job::CANCELLING},
      {Job::QUEUED, Job::CANCELLED},     {Job::PREPARING, Job::RUNNING},
      {Job::PREPARING, Job::FAILED},     {Job::PREPARING, Job::CANCELLING},
      {Job::RUNNING, Job::SUCCEEDED},    {Job::RUNNING, Job::FAILED},
      {Job::RUNNING, Job::CANCELLING},   {Job::CANCELLING, Job::CANCELLED},
      {Job::CANCELLING, Job::SUCCEEDED}, {Job::CANCELLING, Job::FAILED},
  };
  return *moves;
}

bool MayMove(JobState from, JobState to) {
  const auto& moves = JobMoves();
  return from == to || std::find(moves.begin(), moves.end(), std::pair(from, to)) != moves.end();
}

}  // namespace hodei::jobs
