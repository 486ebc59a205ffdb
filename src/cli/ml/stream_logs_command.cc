// jobs stream-logs.
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/ml/log_stream.h"

namespace hodei::cli {
namespace {

Result<int> Stream(Context& context) {
  LogStreamOptions options;
  options.job = context.Positional(0);
  options.task = context.line().Text("task-name");
  options.multiline = context.line().Switch("allow-multiline-logs");
  if (auto seconds = context.line().Number("polling-interval")) {
    options.polling_interval = std::chrono::seconds(*seconds);
  }
  ASSIGN_OR_RETURN(std::string state, StreamLogs(context, options));
  return 0;
}

}  // namespace

Command StreamLogsCommand() {
  return {
      .name = "stream-logs",
      .summary = "Show logs from a job, from its start until it ends",
      .positionals = {{"JOB", "Name of the job."}},
      .flags = {TextFlag("task-name", "TASK_NAME", "Only this task, such as master-replica-0."),
                SwitchFlag("allow-multiline-logs", "Print an entry of several lines as one row."),
                NumberFlag("polling-interval", "SECONDS",
                           "How often to ask a server that cannot follow logs.")
                    .Minimum(1)},
      .run = Stream};
}

}  // namespace hodei::cli
