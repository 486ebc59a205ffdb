// Reads the words of a command line against the command table, the way gcloud does: global flags
// anywhere, a group's flags before its command, a command's flags anywhere after its name, "--flag
// value" and "--flag=value", short flags together ("-rf", "-d10m"), "--" before the words that
// belong to the user's program.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/command.h"

namespace hodei::cli {

struct CommandLine {
  std::vector<std::string> path;  // the words as typed: {"ml-engine", "jobs", "list"}
  const Group* group = nullptr;   // the innermost group; never null after parsing
  const Command* command = nullptr;
  std::vector<std::string> positionals;
  std::vector<std::string> user_args;
  bool has_user_args = false;
  std::map<std::string, std::vector<std::string>, std::less<>> flags;  // by name without dashes

  bool Has(std::string_view flag) const;
  // The last value given, or `fallback`.
  std::string Text(std::string_view flag, std::string fallback = "") const;
  std::optional<long> Number(std::string_view flag) const;
  bool Switch(std::string_view flag, bool fallback = false) const;
  std::vector<std::string> List(std::string_view flag) const;
  // Every value given, as it was typed.
  std::vector<std::string> Values(std::string_view flag) const;
  // The pairs in the order given; checked by the parser to have a "=".
  std::vector<std::pair<std::string, std::string>> Pairs(std::string_view flag) const;
  // "hodei.ml-engine.jobs.list", as errors name it.
  std::string DottedPath() const;
};

struct ParsedLine {
  CommandLine line;
  // The text after "ERROR: (path) " when the words make no command; the exit code is then 2.
  std::optional<std::string> usage_error;
};

ParsedLine ParseCommandLine(const Group& root, const std::vector<std::string>& words);

}  // namespace hodei::cli
