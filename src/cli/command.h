// What a command of the `hodei` program is: words, flags, positionals and the function behind them.
// The parser, the help pages and the shell completion all read this one table.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace hodei::cli {

class Context;

enum class FlagKind {
  kSwitch,  // --async, and --no-async where `negatable`
  kText,    // --region=REGION
  kNumber,  // --limit=LIMIT, a whole number ≥ `minimum`
  kList,    // --packages=a,b; repeats add up; "^:^a:b" chooses another separator
  kPairs,   // --labels=k=v,k2=v2; repeats add up
};

struct Flag {
  std::string name;  // without dashes: "job-dir"
  FlagKind kind = FlagKind::kText;
  std::string metavar;  // "JOB_DIR"
  std::string help;
  bool required = false;
  std::vector<std::string> choices;  // compared without case; the value is stored in lower case
  std::vector<std::string> aliases;  // with dashes: "-r", "--recursive"
  bool negatable = false;
  bool hidden = false;
  long minimum = 0;

  Flag Required() && {
    required = true;
    return std::move(*this);
  }
  Flag Alias(std::string alias) && {
    aliases.push_back(std::move(alias));
    return std::move(*this);
  }
  Flag Choices(std::vector<std::string> values) && {
    choices = std::move(values);
    return std::move(*this);
  }
  Flag Negatable() && {
    negatable = true;
    return std::move(*this);
  }
  Flag Minimum(long value) && {
    minimum = value;
    return std::move(*this);
  }
  Flag Hidden() && {
    hidden = true;
    return std::move(*this);
  }
};

Flag SwitchFlag(std::string name, std::string help);
Flag TextFlag(std::string name, std::string metavar, std::string help);
Flag NumberFlag(std::string name, std::string metavar, std::string help);
Flag ListFlag(std::string name, std::string metavar, std::string help);
Flag PairsFlag(std::string name, std::string metavar, std::string help);

struct Positional {
  std::string metavar;  // "JOB"
  std::string help;
  bool required = true;
  bool repeated = false;  // only the last one
};

// Returns the exit code; an error is printed as "ERROR: (hodei.path) message" and exits with 1.
using Handler = Result<int> (*)(Context&);

struct Command {
  std::string name;
  std::string summary;      // one sentence without its full stop, for lists and the NAME section
  std::string description;  // paragraphs separated by empty lines
  std::vector<Positional> positionals;
  std::vector<Flag> flags;
  Handler run = nullptr;
  std::string examples;   // lines as typed
  std::string user_args;  // what the words after "--" are; empty: none are taken
  std::vector<std::vector<std::string>> exclusive;  // at most one flag of each set
  bool lists = false;  // takes --filter, --limit, --page-size, --sort-by and --uri
  bool hidden = false;
};

struct Group {
  std::string name;
  std::string summary;
  std::vector<Group> groups;
  std::vector<Command> commands;
  std::vector<std::string> aliases;
  std::vector<Flag> flags;  // stand between the group's name and the command's
  bool hidden = false;
};

// The flags every command takes.
const std::vector<Flag>& GlobalFlags();
// The flags of commands with `lists`.
const std::vector<Flag>& ListFlags();
// The command's own flags, then its list flags where it lists.
std::vector<const Flag*> FlagsOf(const Command& command);

}  // namespace hodei::cli
