// jobs list|describe|cancel|update, and the group around submit and stream-logs.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/job_request.h"
#include "cli/ml/job_submission.h"
#include "cli/ml/job_summary.h"

namespace hodei::cli {
namespace {

Result<std::string> JobPath(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  return JobsPath(project) + "/" + PercentEncode(context.Positional(0));
}

Result<int> ListJobs(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  Result<Json> jobs =
      api->List(JobsPath(project), "jobs", {}, context.PageSize(), context.FetchLimit());
  if (!jobs.ok()) {
    if (jobs.status().code() != Code::kNotFound) return jobs.status();
    return NotFound(
        fmt::format("Projects instance [{}] not found: {}", project, jobs.status().message()));
  }
  for (Json& job : *jobs) {
    // Jobs carry no name of their own for --uri.
    if (context.line().Switch("uri")) {
      job["uri"] = api->url() + JobsPath(project) + "/" + MemberText(job, "jobId");
    }
  }
  return context.PrintList(
      *jobs, "table(jobId.basename(),state:label=STATUS,createTime.date(tz=LOCAL):label=CREATED)",
      "uri");
}

Result<int> DescribeJob(Context& context) {
  ASSIGN_OR_RETURN(std::string path, JobPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json job, api->Get(path));
  if (context.line().Switch("summarize")) {
    if (context.line().Has("format")) {
      context.console().Err("WARNING: --format is ignored when --summarize is present\n");
    }
    context.console().Out(SummarizeJob(job));
  } else {
    ASSIGN_OR_RETURN(int printed, context.Print(job));
    if (printed != 0 || context.line().Has("format")) return printed;
  }
  std::string id = MemberText(job, "jobId");
  std::string state = MemberText(job, "state");
  bool waits = state == "QUEUED" || state == "PREPARING";
  context.console().Err(
      fmt::format("\nView logs with:\n  $ {} jobs stream-logs {}\n", context.FirstWords(), id));
  if (waits)
    context.console().Err(
        fmt::format("\nSee what it waits for with:\n  $ hodei jobs why {}\n", id));
  return 0;
}

Result<int> CancelJob(Context& context) {
  ASSIGN_OR_RETURN(std::string path, JobPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  RETURN_IF_ERROR(api->Post(path + ":cancel", Json::object()).status());
  return 0;
}

Result<int> UpdateJob(Context& context) {
  const CommandLine& line = context.line();
  if (!line.Has("update-labels") && !line.Has("remove-labels") && !line.Switch("clear-labels")) {
    return InvalidArgument(
        "Specify at least one of --update-labels, --remove-labels or --clear-labels.");
  }
  RETURN_IF_ERROR(CheckLabels(line.Pairs("update-labels"), "update-labels"));
  ASSIGN_OR_RETURN(std::string path, JobPath(context));
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json job, api->Get(path));
  Json labels = Json::object();
  if (const Json* present = Member(job, "labels");
      present != nullptr && !line.Switch("clear-labels")) {
    labels = *present;
  }
  for (const std::string& key : line.List("remove-labels")) labels.erase(key);
  for (const auto& [key, value] : line.Pairs("update-labels")) labels[key] = value;
  Json body = {{"labels", labels}};
  ASSIGN_OR_RETURN(Json updated, api->Call("PATCH", path, {{"updateMask", "labels"}}, &body));
  context.console().Err(fmt::format("Updated ml engine job [{}].\n", context.Positional(0)));
  if (line.Has("format")) return context.Print(updated);
  return 0;
}

}  // namespace

Group MlJobsGroup() {
  Positional job{"JOB", "Name of the job."};
  Group submit{.name = "submit", .summary = "Submit jobs"};
  submit.commands = {SubmitPredictionCommand(), SubmitTrainingCommand()};
  Group group{.name = "jobs", .summary = "Submit jobs, follow them, cancel them"};
  group.groups = {std::move(submit)};
  group.commands = {
      {.name = "cancel",
       .summary = "Cancel a running job",
       .description = "Cancels the job. A job that has ended stays as it is.",
       .positionals = {job},
       .run = CancelJob},
      {.name = "describe",
       .summary = "Describe a job",
       .positionals = {job},
       .flags = {SwitchFlag("summarize", "Print tables of the main things instead of everything.")},
       .run = DescribeJob},
      {
          .name = "list",
          .summary = "List the jobs of the project, newest first",
          .run = ListJobs,
          .lists = true,
      },
      StreamLogsCommand(),
      {.name = "update",
       .summary = "Change the labels of a job",
       .positionals = {job},
       .flags = {PairsFlag("update-labels", "KEY=VALUE", "Labels to set."),
                 ListFlag("remove-labels", "KEY", "Labels to remove."),
                 SwitchFlag("clear-labels", "Remove all labels first.")},
       .run = UpdateJob,
       .exclusive = {{"clear-labels", "remove-labels"}}},
  };
  return group;
}

}  // namespace hodei::cli
