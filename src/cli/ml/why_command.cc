// hodei jobs why JOB: what a job waits for, or why it ended.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace hodei::cli {
namespace {

Result<int> Why(Context& context) {
  ASSIGN_OR_RETURN(std::string project, context.settings().Project());
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json answer,
                   api->Get(fmt::format("/v1/projects/{}/jobs/{}:why", PercentEncode(project),
                                        PercentEncode(context.Positional(0)))));
  return context.Print(answer);
}

}  // namespace

Group JobsGroup() {
  Group group{.name = "jobs", .summary = "Ask about jobs what gcloud has no words for"};
  group.commands = {
      {.name = "why",
       .summary = "Say what a job waits for, or why it ended",
       .positionals = {{"JOB", "Name of the job."}},
       .run = Why,
       .examples = "  $ hodei jobs why my_job"},
  };
  return group;
}

}  // namespace hodei::cli
