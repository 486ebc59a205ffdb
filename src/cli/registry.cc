// The whole command tree.
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/version.h"

namespace hodei::cli {
namespace {

Result<int> PrintVersion(Context& context) {
  context.console().Out("hodei " + std::string(kVersion) + "\n");
  return 0;
}

Group MachineLearning() {
  Group group = MachineLearningGroup();
  group.aliases = {"ai-platform"};
  return group;
}

}  // namespace

Command VersionCommand() {
  return {.name = "version", .summary = "Print the version", .run = PrintVersion};
}

Group MachineLearningGroup() {
  Group group{.name = "ml-engine",
              .summary = "Train models and work with them (also called ai-platform)"};
  group.groups = {MlJobsGroup(), LocalGroup(), ModelsGroup(), OperationsGroup(), VersionsGroup()};
  group.commands = {PredictCommand()};
  return group;
}

Group BuildCommands() {
  Group root{.name = "hodei", .summary = "train models on your own machines"};
  root.groups = {AuthGroup(),       ConfigGroup(),   GsutilGroup(),
                 JobsGroup(),       LoggingGroup(),  MachineLearning(),
                 OperationsGroup(), ProjectsGroup(), StorageGroup()};
  root.commands = ServerCommands();
  for (Command& command : DataFolderCommands()) root.commands.push_back(std::move(command));
  root.commands.push_back(CompletionCommand());
  root.commands.push_back(DoctorCommand());
  root.commands.push_back(EnvCommand());
  root.commands.push_back(InitCommand());
  root.commands.push_back(VersionCommand());
  // The words of gsutil work without "gsutil" too.
  for (Command command : GsutilGroup().commands) {
    command.hidden = true;
    root.commands.push_back(std::move(command));
  }
  return root;
}

}  // namespace hodei::cli
