#include "domain/retention/log_retention.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "domain/jobs/job_name.h"
#include "sys/file.h"

namespace hodei::retention {
namespace {

constexpr std::string_view kVersionPrefix = "models/";

bool IsOfVersion(const store::LogVolume& volume) {
  return volume.job_id.starts_with(kVersionPrefix);
}

// Full name of the job or version.
std::string OwnerOf(const store::LogVolume& volume) {
  return IsOfVersion(volume) ? fmt::format("projects/{}/{}", volume.project, volume.job_id)
                             : jobs::FormatJobName(volume.project, volume.job_id);
}

}  // namespace

LogRetention::LogRetention(Parts parts, LogLimits limits)
    : parts_(std::move(parts)),
      limits_(limits),
      jobs_(parts_.meta),
      registry_(parts_.meta, parts_.clock) {}

Result<size_t> LogRetention::RunOnce(const std::stop_token& stop) {
  RETURN_IF_ERROR_CTX(parts_.logs->ForgetGone().status(), "forget logs without a folder");
  ASSIGN_OR_RETURN(std::vector<HeldLog> held, Held());
  const std::vector<store::LogVolume> leaving =
      PlanLogRemoval(std::move(held), limits_, parts_.clock->Now());
  size_t removed = 0;
  while (removed < leaving.size() && !stop.stop_requested()) {
    const auto begin = leaving.begin() + static_cast<ptrdiff_t>(removed);
    const size_t count = std::min(kLogsAtOnce, leaving.size() - removed);
    RETURN_IF_ERROR_CTX(Remove({begin, begin + static_cast<ptrdiff_t>(count)}), "remove old logs");
    removed += count;
  }
  return removed;
}

// Volumes first: whoever had a log then, and is not listed as live afterwards, has ended.
Result<std::vector<HeldLog>> LogRetention::Held() const {
  std::vector<HeldLog> held;
  for (store::LogVolume& volume : parts_.logs->Volumes()) held.push_back({std::move(volume)});
  std::set<std::string> live;
  ASSIGN_OR_RETURN(std::vector<std::string> names, jobs_.LiveNames());
  live.insert(names.begin(), names.end());
  ASSIGN_OR_RETURN(names, registry_.AllVersions());
  live.insert(names.begin(), names.end());
  for (HeldLog& log : held) log.live = live.contains(OwnerOf(log.volume));
  return held;
}

// Folders first: what a crash leaves is a log without a folder, which the next pass forgets.
Status LogRetention::Remove(const std::vector<store::LogVolume>& volumes) {
  std::vector<std::pair<std::string, std::string>> logs;
  for (const store::LogVolume& volume : volumes) {
    logs.emplace_back(volume.project, volume.job_id);
    if (IsOfVersion(volume)) continue;
    const auto job = jobs_.Get(OwnerOf(volume));
    if (job.status().code() == Code::kNotFound) continue;
    RETURN_IF_ERROR(job.status());
    RETURN_IF_ERROR(RemoveTree(fmt::format("{}/{}", parts_.jobs_dir, job->record.uid())));
  }
  return parts_.logs->RemoveLogs(logs);
}

}  // namespace hodei::retention
