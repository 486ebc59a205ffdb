#include "cli/ml/job_submission.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/ml/log_stream.h"

namespace hodei::cli {

std::string JobsPath(const std::string& project) {
  return "/v1/projects/" + PercentEncode(project) + "/jobs";
}

Result<Json> CreateJob(Context& context, const std::string& project, const Json& job) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Result<Json> created = api->Post(JobsPath(project), job);
  if (created.ok() || created.status().code() != Code::kAlreadyExists) return created;
  std::string message = created.status().message();
  constexpr std::string_view kName = "ALREADY_EXISTS: ";
  if (message.rfind(kName, 0) == 0) message.erase(0, kName.size());
  return AlreadyExists(
      fmt::format("Resource in projects [{}] is the subject of a conflict: {}\nA job name can be "
                  "used once only, even after the job has ended; choose another.",
                  project, message));
}

Result<int> ReportSubmission(Context& context, const Json& job, bool stream) {
  std::string id = MemberText(job, "jobId");
  context.console().Err(fmt::format("Job [{}] submitted successfully.\n", id));
  if (!stream) {
    context.console().Err(fmt::format(
        "Your job is still active. You may view the status of your job with the command\n\n  $ {0} "
        "jobs describe "
        "{1}\n\nor continue streaming the logs with the command\n\n  $ {0} jobs stream-logs {1}\n",
        context.FirstWords(), id));
    return context.Print(job, kSubmittedFormat);
  }
  LogStreamOptions options;
  options.job = id;
  options.to_error_output = true;
  ASSIGN_OR_RETURN(std::string state, StreamLogs(context, options));
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json ended, api->Get(JobsPath(project) + "/" + PercentEncode(id)));
  ASSIGN_OR_RETURN(int code, context.Print(ended, kSubmittedFormat));
  return MemberText(ended, "state") == "SUCCEEDED" ? code : 1;
}

}  // namespace hodei::cli
