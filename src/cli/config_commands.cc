// hodei config list|set|get|get-value|unset.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"

namespace hodei::cli {
namespace {

Result<int> ListProperties(Context& context) {
  ASSIGN_OR_RETURN(PropertyFile file, PropertyFile::Read(context.settings().PropertyPath()));
  std::map<std::string, std::map<std::string, std::string>> shown = file.sections();
  for (const std::string& known : KnownProperties()) {
    size_t slash = known.find('/');
    if (auto value = context.settings().Property(known)) {
      shown[known.substr(0, slash)][known.substr(slash + 1)] = *value;
    }
  }
  if (context.line().Has("project")) shown["core"]["project"] = context.line().Text("project");
  std::string account = context.settings().Account();
  if (!account.empty()) shown["core"]["account"] = account;
  if (Result<std::string> project = context.settings().Project(); project.ok()) {
    shown["core"]["project"] = *project;
  }
  std::string text;
  for (const auto& [section, values] : shown) {
    text += fmt::format("[{}]\n", section);
    for (const auto& [key, value] : values) text += fmt::format("{} = {}\n", key, value);
  }
  context.console().Out(text);
  ServerAddress server = context.settings().Server();
  context.console().Err(fmt::format("\nYour active configuration is: [default]\nServer: {} ({})\n",
                                    server.url, server.origin));
  return 0;
}

Result<int> SetProperty(Context& context) {
  ASSIGN_OR_RETURN(PropertyName name, ParsePropertyName(context.Positional(0)));
  const std::string& value = context.Positional(1);
  if (value.find('\n') != value.npos) return InvalidArgument("The value holds a line break.");
  ASSIGN_OR_RETURN(PropertyFile file, PropertyFile::Read(context.settings().PropertyPath()));
  file.Set(name, value);
  RETURN_IF_ERROR(file.Write());
  std::string variable = Settings::PropertyVariable(name.Text());
  if (auto set = context.settings().Variable(variable)) {
    context.console().Err(
        fmt::format("WARNING: Property [{}] is overridden by environment setting [{}={}]\n",
                    name.key, variable, *set));
  }
  context.console().Err(fmt::format("Updated property [{}].\n", name.Text()));
  return 0;
}

Result<int> GetProperty(Context& context) {
  ASSIGN_OR_RETURN(PropertyName name, ParsePropertyName(context.Positional(0)));
  std::optional<std::string> value = context.settings().Property(name.Text());
  if (name.Text() == "core/project") {
    ASSIGN_OR_RETURN(value, context.settings().Project());
  }
  if (name.Text() == "core/account" && !context.settings().Account().empty()) {
    value = context.settings().Account();
  }
  if (!value) {
    context.console().Err("(unset)\n");
    return 0;
  }
  context.console().Out(*value + "\n");
  return 0;
}

Result<int> UnsetProperty(Context& context) {
  ASSIGN_OR_RETURN(PropertyName name, ParsePropertyName(context.Positional(0)));
  ASSIGN_OR_RETURN(PropertyFile file, PropertyFile::Read(context.settings().PropertyPath()));
  file.Unset(name);
  RETURN_IF_ERROR(file.Write());
  context.console().Err(fmt::format("Unset property [{}].\n", name.Text()));
  return 0;
}

}  // namespace

Group ConfigGroup() {
  Positional property{"SECTION/PROPERTY",
                      "Property to use, for example compute/region. The section core may be left "
                      "out: project means core/project."};
  Group group{.name = "config", .summary = "View and edit the properties of this command"};
  group.commands = {
      {.name = "list", .summary = "List the properties that are set", .run = ListProperties},
      {.name = "set",
       .summary = "Set a property",
       .description = "Sets a property for every later command of this user. Google's own "
                      "configuration is never read or written.",
       .positionals = {property, {"VALUE", "The value to set."}},
       .run = SetProperty,
       .examples = "  $ hodei config set project my-project\n  $ hodei config set compute/region "
                   "us-east1"},
      {.name = "get",
       .summary = "Print the value of a property",
       .positionals = {property},
       .run = GetProperty},
      {.name = "get-value",
       .summary = "Print the value of a property",
       .positionals = {property},
       .run = GetProperty},
      {.name = "unset",
       .summary = "Unset a property",
       .positionals = {property},
       .run = UnsetProperty},
  };
  return group;
}

}  // namespace hodei::cli
