#include "cli/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/suggestion.h"

namespace hodei::cli {
namespace {

std::string Words(const CommandLine& line) {
  std::string words = "hodei";
  for (const std::string& word : line.path) words += " " + word;
  return words;
}

// Breaks `text` at spaces; a line that starts with two or more spaces, and empty lines, stay.
std::string Wrap(std::string_view text, size_t indent, size_t width) {
  std::string margin(indent, ' ');
  std::string out, row;
  auto flush = [&] {
    if (!row.empty()) out += margin + row + "\n";
    row.clear();
  };
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view given = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (given.empty() || given.substr(0, 2) == "  " || given.substr(0, 2) == "- ") {
      flush();
      out += given.empty() ? "\n" : margin + std::string(given) + "\n";
      continue;
    }
    while (!given.empty()) {
      size_t space = given.find(' ');
      std::string_view word = given.substr(0, space);
      given = space == given.npos ? std::string_view() : given.substr(space + 1);
      if (!row.empty() && indent + row.size() + 1 + word.size() > width) flush();
      if (!row.empty()) row += ' ';
      row += word;
    }
  }
  flush();
  return out;
}

class Page {
 public:
  Page(bool bold, size_t width) : bold_(bold), width_(width) {}
  void Section(std::string_view title) {
    if (!text_.empty()) text_ += "\n";
    text_ += Bold(title) + "\n";
  }
  void Paragraph(std::string_view text, size_t indent = 4) { text_ += Wrap(text, indent, width_); }
  void Raw(std::string_view text) { text_ += text; }
  void Item(std::string_view head, std::string_view body) {
    text_ += "     " + Bold(head) + "\n";
    Paragraph(body, 8);
    text_ += "\n";
  }
  std::string Bold(std::string_view text) const {
    return bold_ ? fmt::format("\033[1m{}\033[m", text) : std::string(text);
  }
  void Trim() {
    while (text_.size() > 1 && text_[text_.size() - 2] == '\n') text_.pop_back();
  }
  const std::string& text() const { return text_; }

 private:
  bool bold_;
  size_t width_;
  std::string text_;
};

std::string PositionalUse(const Positional& positional) {
  std::string name = positional.metavar;
  if (positional.repeated) name += " [" + positional.metavar + " ...]";
  return positional.required ? name : "[" + name + "]";
}

std::string FlagHead(const Flag& flag) {
  std::string head = flag.negatable ? "--[no-]" + flag.name : "--" + flag.name;
  if (flag.kind != FlagKind::kSwitch) head += "=" + flag.metavar;
  for (const std::string& alias : flag.aliases) {
    head += ", " + alias;
    if (flag.kind != FlagKind::kSwitch) head += " " + flag.metavar;
  }
  return head;
}

std::string FlagBody(const Flag& flag) {
  std::string body = flag.help;
  if (flag.choices.empty()) return body;
  return body + fmt::format(" {} must be one of: {}.", flag.metavar, fmt::join(flag.choices, ", "));
}

// Indented list "name   summary" with aligned summaries.
template <typename Item>
std::string Listing(const std::vector<Item>& items) {
  std::string out;
  for (const Item& item : items) {
    if (!item.hidden) out += fmt::format("      {:<24}{}.\n", item.name, item.summary);
  }
  return out;
}

void GroupSections(const Group& group, Page* page) {
  std::string groups = Listing(group.groups);
  std::string commands = Listing(group.commands);
  if (!groups.empty()) {
    page->Section("GROUPS");
    page->Raw(groups);
  }
  if (!commands.empty()) {
    page->Section("COMMANDS");
    page->Raw(commands);
  }
}

void FlagSections(const Command& command, Page* page) {
  std::vector<const Flag*> required, optional;
  for (const Flag& flag : command.flags) {
    if (!flag.hidden) (flag.required ? required : optional).push_back(&flag);
  }
  auto section = [&](const char* title, std::vector<const Flag*> flags) {
    if (flags.empty()) return;
    std::sort(flags.begin(), flags.end(),
              [](const Flag* a, const Flag* b) { return a->name < b->name; });
    page->Section(title);
    for (const Flag* flag : flags) page->Item(FlagHead(*flag), FlagBody(*flag));
    page->Trim();
  };
  section("REQUIRED FLAGS", required);
  section("FLAGS", optional);
  if (!command.lists) return;
  page->Section("LIST COMMAND FLAGS");
  for (const Flag& flag : ListFlags()) page->Item(FlagHead(flag), FlagBody(flag));
  page->Trim();
}

std::string Synopsis(const CommandLine& line) {
  const Command& command = *line.command;
  std::string text = Words(line);
  for (const Positional& positional : command.positionals) text += " " + PositionalUse(positional);
  for (const Flag* flag : FlagsOf(command)) {
    if (flag->hidden) continue;
    std::string use = "--" + flag->name;
    if (flag->kind != FlagKind::kSwitch) use += "=" + flag->metavar;
    text += flag->required ? " " + use : " [" + use + "]";
  }
  text += " [FLAG_OF_EVERY_COMMAND ...]";
  if (!command.user_args.empty()) text += " [-- USER_ARGS ...]";
  return text;
}

void CommandSections(const CommandLine& line, Page* page) {
  const Command& command = *line.command;
  page->Section("SYNOPSIS");
  page->Paragraph(Synopsis(line));
  page->Section("DESCRIPTION");
  page->Paragraph(command.description.empty() ? command.summary + "." : command.description);
  if (!command.examples.empty()) {
    page->Section("EXAMPLES");
    page->Paragraph(command.examples, 4);
  }
  if (!command.positionals.empty() || !command.user_args.empty()) {
    page->Section("POSITIONAL ARGUMENTS");
    for (const Positional& positional : command.positionals) {
      page->Item(PositionalUse(positional), positional.help);
    }
    if (!command.user_args.empty()) {
      page->Item("[-- USER_ARGS ...]",
                 command.user_args +
                     "\n\nThe '--' must stand between the flags of hodei on the left "
                     "and USER_ARGS on the right.");
    }
    page->Trim();
  }
  FlagSections(command, page);
  page->Section("FLAGS OF EVERY COMMAND");
  page->Paragraph(
      "These flags are taken by every command: --data, --format, --help, --project, "
      "--quiet, --server, --verbosity. Run hodei --help for what they do.");
}

void RootSections(Page* page) {
  page->Section("FLAGS OF EVERY COMMAND");
  for (const Flag& flag : GlobalFlags()) {
    if (!flag.hidden) page->Item(FlagHead(flag), FlagBody(flag));
  }
  page->Trim();
}

// Every command below `group` as "words …" with the words that lead to it.
void Collect(const Group& group, const std::string& prefix, std::vector<std::string>* out) {
  for (const Command& command : group.commands) {
    if (!command.hidden) out->push_back(prefix + command.name);
  }
  for (const Group& inner : group.groups) {
    if (!inner.hidden) Collect(inner, prefix + inner.name + " ", out);
  }
}

}  // namespace

std::string UsageText(const CommandLine& line) {
  std::string text = "Usage: " + Words(line);
  if (line.command == nullptr) {
    return text + " [optional flags] <group | command>\n\nFor detailed information, run:\n  " +
           Words(line) + " --help";
  }
  for (const Positional& positional : line.command->positionals) {
    text += " " + PositionalUse(positional);
  }
  std::vector<std::string> optional = {"--help"};
  for (const Flag* flag : FlagsOf(*line.command)) {
    if (flag->required) {
      text += fmt::format(" --{}{}{}", flag->name, flag->metavar.empty() ? "" : "=", flag->metavar);
    } else if (!flag->hidden) {
      optional.push_back("--" + flag->name);
    }
  }
  text += " [optional flags]";
  if (!line.command->user_args.empty()) text += " [-- USER_ARGS ...]";
  std::sort(optional.begin(), optional.end());
  constexpr std::string_view kLead = "  optional flags may be  ";
  std::string rows = Wrap(fmt::format("{}", fmt::join(optional, " | ")), kLead.size(), 80);
  text += "\n" + std::string(kLead) + rows.substr(kLead.size());
  return text + "\nFor detailed information on this command and its flags, run:\n  " + Words(line) +
         " --help";
}

std::string InvalidChoice(const CommandLine& line, const std::string& word) {
  std::string text = fmt::format("Invalid choice: '{}'.", word);
  std::vector<std::string> names;
  for (const Group& group : line.group->groups) {
    names.push_back(group.name);
    names.insert(names.end(), group.aliases.begin(), group.aliases.end());
  }
  for (const Command& command : line.group->commands) names.push_back(command.name);
  std::string nearest = Nearest(word, names);
  std::vector<std::string> meant;
  for (const Group& group : line.group->groups) {
    if (!nearest.empty() && (group.name == nearest)) Collect(group, nearest + " ", &meant);
  }
  if (meant.empty() && !nearest.empty()) meant.push_back(nearest);
  constexpr size_t kMostSuggestions = 8;
  if (meant.size() > kMostSuggestions) meant.resize(kMostSuggestions);
  if (!meant.empty()) {
    text += "\nMaybe you meant:";
    for (const std::string& suggestion : meant) text += "\n  " + Words(line) + " " + suggestion;
  }
  return text + "\n\nFor what there is, run:\n  " + Words(line) + " --help";
}

std::string CommandExpected(const CommandLine& line) {
  std::string text = "Command name argument expected.\n";
  std::string groups = Listing(line.group->groups);
  std::string commands = Listing(line.group->commands);
  if (!groups.empty()) text += "\nAvailable groups for " + Words(line) + ":\n\n" + groups;
  if (!commands.empty()) text += "\nAvailable commands for " + Words(line) + ":\n\n" + commands;
  return text + "\nFor detailed information on this command and its flags, run:\n  " + Words(line) +
         " --help";
}

std::string HelpPage(const CommandLine& line, bool bold, size_t width) {
  Page page(bold, std::min<size_t>(std::max<size_t>(width, 40), 100));
  page.Section("NAME");
  const std::string& summary =
      line.command != nullptr ? line.command->summary : line.group->summary;
  page.Paragraph(Words(line) + " - " + summary);
  if (line.command != nullptr) {
    CommandSections(line, &page);
    return page.text();
  }
  page.Section("SYNOPSIS");
  page.Paragraph(Words(line) + " GROUP | COMMAND [FLAG_OF_EVERY_COMMAND ...]");
  GroupSections(*line.group, &page);
  if (!line.group->flags.empty()) {
    page.Section("FLAGS BEFORE THE COMMAND");
    for (const Flag& flag : line.group->flags) {
      if (!flag.hidden) page.Item(FlagHead(flag), FlagBody(flag));
    }
    page.Trim();
  }
  if (line.path.empty()) RootSections(&page);
  return page.text();
}

}  // namespace hodei::cli
