#include "cli/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/ascii.h"
#include "cli/help.h"
#include "cli/suggestion.h"

namespace hodei::cli {
namespace {

// "a,b" → {a, b}; "^:^a:b" → {a, b} with the separator between the carets. Empty text: no items.
std::vector<std::string> SplitList(std::string_view text) {
  std::string separator = ",";
  if (text.size() > 2 && text[0] == '^') {
    size_t close = text.find('^', 1);
    if (close != text.npos && close > 1) {
      separator = std::string(text.substr(1, close - 1));
      text.remove_prefix(close + 1);
    }
  }
  std::vector<std::string> items;
  while (!text.empty()) {
    size_t at = text.find(separator);
    items.emplace_back(text.substr(0, at));
    text = at == text.npos ? std::string_view() : text.substr(at + separator.size());
  }
  return items;
}

// Walks the words once, left to right.
class LineParser {
 public:
  LineParser(const Group& root, const std::vector<std::string>& words) : words_(words) {
    line_.group = &root;
  }

  ParsedLine Run() {
    while (next_ < words_.size() && !error_) Step();
    if (!error_) CheckUnknown();
    bool asks_for_help = line_.Switch("help") || line_.Switch("version");
    if (!error_ && line_.command != nullptr && !asks_for_help) CheckComplete();
    return ParsedLine{std::move(line_), std::move(error_)};
  }

 private:
  void Step() {
    const std::string& word = words_[next_];
    if (word == "--") return TakeUserArgs();
    if (word.size() > 1 && word[0] == '-') return TakeFlag(word);
    ++next_;
    if (line_.command == nullptr) return Descend(word);
    TakePositional(word);
  }

  void TakeUserArgs() {
    ++next_;
    if (line_.command == nullptr || line_.command->user_args.empty()) {
      // argparse's rule: after "--" everything is positional.
      while (next_ < words_.size()) {
        if (line_.command == nullptr) {
          unknown_.push_back(words_[next_++]);
        } else {
          TakePositional(words_[next_++]);
        }
      }
      return;
    }
    line_.has_user_args = true;
    line_.user_args.assign(words_.begin() + static_cast<long>(next_), words_.end());
    next_ = words_.size();
  }

  void Descend(const std::string& word) {
    for (const Group& group : line_.group->groups) {
      bool alias =
          std::find(group.aliases.begin(), group.aliases.end(), word) != group.aliases.end();
      if (group.name != word && !alias) continue;
      line_.group = &group;
      line_.path.push_back(word);
      return;
    }
    for (const Command& command : line_.group->commands) {
      if (command.name != word) continue;
      line_.command = &command;
      line_.path.push_back(word);
      return;
    }
    error_ = InvalidChoice(line_, word);
  }

  void TakePositional(const std::string& word) {
    const auto& declared = line_.command->positionals;
    bool open_ended = !declared.empty() && declared.back().repeated;
    if (line_.positionals.size() < declared.size() || open_ended) {
      line_.positionals.push_back(word);
    } else {
      unknown_.push_back(word);
    }
  }

  const Flag* Find(std::string_view spelled, bool* negated) const {
    auto matches = [&](const Flag& flag) {
      if (spelled.size() > 2 && spelled.substr(2) == flag.name) return true;
      if (flag.negatable && spelled == "--no-" + flag.name) return *negated = true;
      return std::find(flag.aliases.begin(), flag.aliases.end(), spelled) != flag.aliases.end();
    };
    if (line_.command != nullptr) {
      for (const Flag* flag : FlagsOf(*line_.command)) {
        if (matches(*flag)) return flag;
      }
    }
    // Only where the command takes no flag of this name: gsutil's own -h is not that of its ls.
    if (line_.command == nullptr) {
      for (const Flag& flag : line_.group->flags) {
        if (matches(flag)) return &flag;
      }
    }
    for (const Flag& flag : GlobalFlags()) {
      if (matches(flag)) return &flag;
    }
    return nullptr;
  }

  // "-rf" and "-d10m": short flags in one word, the last of which may take the rest as its value.
  // False when some letter is no flag; nothing is taken then.
  bool TakeCluster(const std::string& word) {
    if (word.size() < 3 || word[0] != '-' || word[1] == '-') return false;
    std::vector<std::pair<const Flag*, std::string>> found;
    for (size_t i = 1; i < word.size(); ++i) {
      bool negated = false;
      const Flag* flag = Find(std::string("-") + word[i], &negated);
      if (flag == nullptr) return false;
      if (flag->kind != FlagKind::kSwitch) {
        if (i + 1 < word.size()) {
          found.emplace_back(flag, word.substr(i + 1));
        } else if (next_ < words_.size()) {
          found.emplace_back(flag, words_[next_++]);
        } else {
          return false;
        }
        break;
      }
      found.emplace_back(flag, "");
    }
    for (auto& [flag, value] : found) {
      if (flag->kind == FlagKind::kSwitch) {
        line_.flags[flag->name].push_back("true");
      } else {
        TakeValue(*flag, std::move(value));
      }
    }
    return true;
  }

  void TakeFlag(const std::string& word) {
    ++next_;
    size_t equals = word.rfind("--", 0) == 0 ? word.find('=') : word.npos;
    std::string spelled = word.substr(0, equals);
    bool negated = false;
    const Flag* flag = Find(spelled, &negated);
    if (flag == nullptr) {
      if (!TakeCluster(word)) unknown_.push_back(word);
      return;
    }
    if (flag->kind == FlagKind::kSwitch) return TakeSwitch(*flag, word, equals, negated);
    if (equals != word.npos) return TakeValue(*flag, word.substr(equals + 1));
    bool next_is_flag = next_ < words_.size() && words_[next_].size() > 1 &&
                        words_[next_][0] == '-' && !IsNegativeRange(words_[next_]);
    if (next_ >= words_.size() || next_is_flag) return Fail(*flag, "expected one argument", true);
    TakeValue(*flag, words_[next_++]);
  }

  // "-5", as in "cat -r -5": a value, as argparse has it, where no flag is a number.
  static bool IsNegativeRange(const std::string& word) {
    return word.find_first_not_of("0123456789", 1) == std::string::npos;
  }

  void TakeSwitch(const Flag& flag, const std::string& word, size_t equals, bool negated) {
    std::string value = negated ? "false" : "true";
    if (equals != word.npos) {
      value = AsciiLower(word.substr(equals + 1));
      if (value != "true" && value != "false") {
        return Fail(flag, fmt::format("ignored explicit argument '{}'", word.substr(equals + 1)),
                    true);
      }
    }
    line_.flags[flag.name].push_back(value);
  }

  void TakeValue(const Flag& flag, std::string value) {
    if (flag.kind == FlagKind::kNumber) {
      long number = 0;
      auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (code != std::errc() || end != value.data() + value.size()) {
        return Fail(flag, fmt::format("Value must be an integer; received: {}", value), true);
      }
      if (number < flag.minimum) {
        return Fail(flag,
                    fmt::format("Value must be greater than or equal to {}; received: {}",
                                flag.minimum, number),
                    true);
      }
    }
    if (!flag.choices.empty()) {
      const auto known = [&flag](const std::string& choice) {
        return std::find(flag.choices.begin(), flag.choices.end(), choice) != flag.choices.end();
      };
      std::string lower = AsciiLower(value);
      // As gcloud does: the API's spelling of a choice (STANDARD_1) is taken too.
      if (!known(lower)) std::replace(lower.begin(), lower.end(), '_', '-');
      if (!known(lower)) {
        return Fail(flag,
                    fmt::format("Invalid choice: '{}'.\n\nValid choices are [{}].", value,
                                fmt::join(flag.choices, ", ")),
                    false);
      }
      value = lower;
    }
    if (flag.kind == FlagKind::kPairs) {
      for (const std::string& item : SplitList(value)) {
        if (item.find('=') == item.npos) {
          return Fail(flag,
                      fmt::format("Bad syntax for dict arg: [{}]. Please see `hodei help "
                                  "escaping` if you would like information on escaping list "
                                  "or dictionary flag values.",
                                  item),
                      true);
        }
      }
    }
    line_.flags[flag.name].push_back(std::move(value));
  }

  void Fail(const Flag& flag, std::string_view what, bool with_usage) {
    error_ = fmt::format("argument --{}: {}", flag.name, what);
    if (with_usage) *error_ += "\n" + UsageText(line_);
  }

  void CheckUnknown() {
    if (unknown_.empty()) return;
    error_ = "unrecognized arguments:";
    bool one = unknown_.size() == 1;
    for (const std::string& word : unknown_) {
      std::string hint = SuggestFlag(word);
      if (!hint.empty()) hint = fmt::format(" (did you mean '{}'?)", hint);
      *error_ += fmt::format("{}{}{}", one ? " " : "\n  ", word, hint);
    }
    *error_ += fmt::format("\n\nFor the flags that exist, run:\n  hodei {}--help", PathPrefix());
  }

  std::string PathPrefix() const {
    std::string prefix;
    for (const std::string& word : line_.path) prefix += word + " ";
    return prefix;
  }

  std::string SuggestFlag(const std::string& word) const {
    if (word.rfind("--", 0) != 0) return "";
    std::vector<std::string> known;
    if (line_.command != nullptr) {
      for (const Flag* flag : FlagsOf(*line_.command)) known.push_back("--" + flag->name);
    }
    for (const Flag& flag : GlobalFlags()) {
      if (!flag.hidden) known.push_back("--" + flag.name);
    }
    return Nearest(word.substr(0, word.find('=')), known);
  }

  void CheckComplete() {
    const Command& command = *line_.command;
    std::vector<std::string> missing;
    for (size_t i = 0; i < command.positionals.size(); ++i) {
      if (!command.positionals[i].required || i < line_.positionals.size()) continue;
      missing.push_back(command.positionals[i].metavar);
    }
    for (const Flag& flag : command.flags) {
      if (flag.required && !line_.Has(flag.name)) missing.push_back("--" + flag.name);
    }
    if (!missing.empty()) {
      error_ = fmt::format("argument {}: Must be specified.\n{}", fmt::join(missing, " "),
                           UsageText(line_));
      return;
    }
    for (const auto& set : command.exclusive) {
      std::vector<std::string> given;
      for (const std::string& name : set) {
        if (line_.Has(name)) given.push_back(name);
      }
      if (given.size() < 2) continue;
      error_ = fmt::format("argument --{}: At most one of --{} can be specified.\n{}", given[0],
                           fmt::join(set, " | --"), UsageText(line_));
      return;
    }
  }

  const std::vector<std::string>& words_;
  size_t next_ = 0;
  CommandLine line_;
  std::vector<std::string> unknown_;
  std::optional<std::string> error_;
};

}  // namespace

bool CommandLine::Has(std::string_view flag) const { return flags.find(flag) != flags.end(); }

std::string CommandLine::Text(std::string_view flag, std::string fallback) const {
  auto found = flags.find(flag);
  return found == flags.end() ? fallback : found->second.back();
}

std::optional<long> CommandLine::Number(std::string_view flag) const {
  if (!Has(flag)) return std::nullopt;
  return std::strtol(Text(flag).c_str(), nullptr, 10);
}

bool CommandLine::Switch(std::string_view flag, bool fallback) const {
  return Has(flag) ? Text(flag) == "true" : fallback;
}

std::vector<std::string> CommandLine::List(std::string_view flag) const {
  std::vector<std::string> items;
  auto found = flags.find(flag);
  if (found == flags.end()) return items;
  for (const std::string& text : found->second) {
    for (std::string& item : SplitList(text)) items.push_back(std::move(item));
  }
  return items;
}

std::vector<std::string> CommandLine::Values(std::string_view flag) const {
  auto found = flags.find(flag);
  return found == flags.end() ? std::vector<std::string>() : found->second;
}

std::vector<std::pair<std::string, std::string>> CommandLine::Pairs(std::string_view flag) const {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const std::string& item : List(flag)) {
    size_t equals = item.find('=');
    pairs.emplace_back(item.substr(0, equals),
                       equals == item.npos ? std::string() : item.substr(equals + 1));
  }
  return pairs;
}

std::string CommandLine::DottedPath() const {
  std::string dotted = "hodei";
  for (const std::string& word : path) dotted += "." + word;
  return dotted;
}

ParsedLine ParseCommandLine(const Group& root, const std::vector<std::string>& words) {
  return LineParser(root, words).Run();
}

}  // namespace hodei::cli
