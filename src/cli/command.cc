#include "cli/command.h"

namespace hodei::cli {

Flag SwitchFlag(std::string name, std::string help) {
  return Flag{.name = std::move(name), .kind = FlagKind::kSwitch, .help = std::move(help)};
}

static Flag ValueFlag(FlagKind kind, std::string name, std::string metavar, std::string help) {
  return Flag{.name = std::move(name),
              .kind = kind,
              .metavar = std::move(metavar),
              .help = std::move(help)};
}

Flag TextFlag(std::string name, std::string metavar, std::string help) {
  return ValueFlag(FlagKind::kText, std::move(name), std::move(metavar), std::move(help));
}
Flag NumberFlag(std::string name, std::string metavar, std::string help) {
  return ValueFlag(FlagKind::kNumber, std::move(name), std::move(metavar), std::move(help));
}
Flag ListFlag(std::string name, std::string metavar, std::string help) {
  return ValueFlag(FlagKind::kList, std::move(name), std::move(metavar), std::move(help));
}
Flag PairsFlag(std::string name, std::string metavar, std::string help) {
  return ValueFlag(FlagKind::kPairs, std::move(name), std::move(metavar), std::move(help));
}

const std::vector<Flag>& GlobalFlags() {
  static const std::vector<Flag> flags = {
      SwitchFlag("help", "Show this page.").Alias("-h"),
      SwitchFlag("version", "Show the version and exit.").Alias("-v"),
      TextFlag("project", "PROJECT_ID",
               "Project to use. Default: the property core/project, or the project of the "
               "installation."),
      TextFlag("server", "URL",
               "Server to talk to, for example http://127.0.0.1:8080. Default: $HODEI_SERVER, the "
               "property core/server, or the server running on the data folder."),
      TextFlag("data", "DIR",
               "Data folder of the server, for its address and credentials. Default: $HODEI_DATA, "
               "or $XDG_DATA_HOME/hodei."),
      TextFlag("format", "FORMAT",
               "How to print: yaml, json, text, value(field.path,…), csv(…), table(…) or none."),
      TextFlag("access-token-file", "FILE", "File that holds the access token to send."),
      SwitchFlag("quiet", "Ask no questions; take the default answers.").Alias("-q"),
      TextFlag("verbosity", "VERBOSITY", "What to report.")
          .Choices({"debug", "info", "warning", "error", "critical", "none"}),
      SwitchFlag("user-output-enabled", "Print results.").Negatable().Hidden(),
      SwitchFlag("log-http", "Report each request on standard error.").Negatable(),
      TextFlag("account", "ACCOUNT", "Account to use.").Hidden(),
      TextFlag("configuration", "CONFIGURATION", "Named configuration to use.").Hidden(),
      TextFlag("billing-project", "PROJECT", "Accepted and ignored.").Hidden(),
  };
  return flags;
}

const std::vector<Flag>& ListFlags() {
  static const std::vector<Flag> flags = {
      TextFlag("filter", "EXPRESSION",
               "Show only the items for which this holds, for example state:FAILED or "
               "\"state=(QUEUED RUNNING) AND createTime>2024-05-01\"."),
      NumberFlag("limit", "LIMIT", "Show at most this many items.").Minimum(1),
      NumberFlag("page-size", "PAGE_SIZE", "How many items to ask for in one request.").Minimum(1),
      ListFlag("sort-by", "FIELD", "Order of the items; ~FIELD for the reverse order."),
      SwitchFlag("uri", "Print a URI for each item instead of a table."),
  };
  return flags;
}

std::vector<const Flag*> FlagsOf(const Command& command) {
  std::vector<const Flag*> flags;
  for (const Flag& flag : command.flags) flags.push_back(&flag);
  if (command.lists) {
    for (const Flag& flag : ListFlags()) flags.push_back(&flag);
  }
  return flags;
}

}  // namespace hodei::cli
