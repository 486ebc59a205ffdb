#include "domain/jobs/job_name.h"

#include <fmt/format.h>

#include <algorithm>

namespace hodei::jobs {

bool IsJobId(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && text.size() <= kJobIdMaxBytes && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<JobName> ParseJobName(std::string_view name) {
  constexpr std::string_view kProjects = "projects/";
  constexpr std::string_view kJobs = "/jobs/";
  const size_t jobs = name.find(kJobs);
  if (!name.starts_with(kProjects) || jobs == std::string_view::npos || jobs <= kProjects.size()) {
    return InvalidField("name", "must have the form projects/PROJECT/jobs/JOB");
  }
  JobName parsed{std::string(name.substr(kProjects.size(), jobs - kProjects.size())),
                 std::string(name.substr(jobs + kJobs.size()))};
  if (parsed.project.find('/') != std::string::npos || parsed.job_id.empty() ||
      parsed.job_id.find('/') != std::string::npos) {
    return InvalidField("name", "must have the form projects/PROJECT/jobs/JOB");
  }
  return parsed;
}

std::string FormatJobName(std::string_view project, std::string_view job_id) {
  return fmt::format("projects/{}/jobs/{}", project, job_id);
}

}  // namespace hodei::jobs
