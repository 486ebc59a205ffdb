// hodei completion bash|zsh: a script that asks this program, so that it never goes out of date.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/context.h"

namespace hodei::cli {
namespace {

constexpr std::string_view kBash = R"(# bash completion for hodei: source <(hodei completion bash)
_hodei() {
  local word="${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=($(hodei completion words -- "${COMP_WORDS[@]:1:COMP_CWORD-1}" "$word" 2>/dev/null))
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace
}
complete -o bashdefault -o default -F _hodei hodei
)";

constexpr std::string_view kZsh = R"zsh(#compdef hodei
# zsh completion for hodei: source <(hodei completion zsh)
_hodei() {
  local -a found
  found=(${(f)"$(hodei completion words -- ${words[2,CURRENT]} 2>/dev/null)"})
  if (( ${#found} )); then
    compadd -- $found
  else
    _files
  fi
}
compdef _hodei hodei
)zsh";

std::vector<std::string> Candidates(const Group& root, const std::vector<std::string>& words) {
  std::vector<std::string> before(words.begin(), words.empty() ? words.end() : words.end() - 1);
  std::string start = words.empty() ? "" : words.back();
  for (const std::string& word : before) {
    if (word == "--") return {};
  }
  CommandLine line = ParseCommandLine(root, before).line;
  std::vector<std::string> all;
  if (start.rfind("-", 0) == 0) {
    auto add = [&](const Flag& flag) {
      if (flag.hidden) return;
      all.push_back("--" + flag.name + (flag.kind == FlagKind::kSwitch ? "" : "="));
    };
    if (line.command != nullptr) {
      for (const Flag* flag : FlagsOf(*line.command)) add(*flag);
    } else {
      for (const Flag& flag : line.group->flags) add(flag);
    }
    for (const Flag& flag : GlobalFlags()) add(flag);
  } else if (line.command == nullptr) {
    for (const Group& group : line.group->groups) {
      if (group.hidden) continue;
      all.push_back(group.name);
      all.insert(all.end(), group.aliases.begin(), group.aliases.end());
    }
    for (const Command& command : line.group->commands) {
      if (!command.hidden) all.push_back(command.name);
    }
  }
  std::erase_if(all, [&](const std::string& word) { return word.rfind(start, 0) != 0; });
  return all;
}

Result<int> Complete(Context& context) {
  const std::string& what = context.Positional(0);
  if (what == "bash") {
    context.console().Out(kBash);
  } else if (what == "zsh") {
    context.console().Out(kZsh);
  } else if (what == "words") {
    for (const std::string& word : Candidates(context.root(), context.line().user_args)) {
      context.console().Out(word + "\n");
    }
  } else {
    return InvalidArgument(fmt::format("There is no completion for [{}]; use bash or zsh.", what));
  }
  return 0;
}

}  // namespace

Command CompletionCommand() {
  return {.name = "completion",
          .summary = "Print a completion script for a shell",
          .description = "Prints a script that completes groups, commands and flags.",
          .positionals = {{"SHELL", "bash or zsh."}},
          .run = Complete,
          .examples = "  $ source <(hodei completion bash)",
          .user_args = "Used by the scripts: the words typed so far."};
}

}  // namespace hodei::cli
