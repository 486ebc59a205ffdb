// projects list|describe.
#include <nlohmann/json.hpp>

#include "base/encoding.h"
#include "cli/commands.h"
#include "cli/context.h"

namespace hodei::cli {
namespace {

Result<int> ListProjects(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json projects,
                   api->List("/v1/projects", "projects", {{"filter", "lifecycleState:ACTIVE"}},
                             context.PageSize(500), context.FetchLimit()));
  return context.PrintList(projects, "table(projectId:label=PROJECT_ID:sort=1,name,projectNumber)",
                           "projectId");
}

Result<int> DescribeProject(Context& context) {
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  ASSIGN_OR_RETURN(Json project, api->Get("/v1/projects/" + PercentEncode(context.Positional(0))));
  return context.Print(project);
}

}  // namespace

Group ProjectsGroup() {
  Group group{.name = "projects", .summary = "See the projects you may use"};
  group.commands = {
      {.name = "list", .summary = "List projects", .run = ListProjects, .lists = true},
      {.name = "describe",
       .summary = "Describe a project",
       .positionals = {{"PROJECT_ID", "ID of the project."}},
       .run = DescribeProject},
  };
  return group;
}

}  // namespace hodei::cli
