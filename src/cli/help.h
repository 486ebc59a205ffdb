// Help pages, usage lines and the texts for words that are no command, all made from the table.
#pragma once

#include <string>
#include <string_view>

#include "cli/command_line.h"

namespace hodei::cli {

// "Usage: hodei … JOB [optional flags]" with the list of flags and where to read more.
std::string UsageText(const CommandLine& line);
// The error for `word`, which names nothing in the line's group, with the commands it may mean.
std::string InvalidChoice(const CommandLine& line, const std::string& word);
// The error for a line that ends in a group.
std::string CommandExpected(const CommandLine& line);
// The page for the line's command or group. `bold` marks names for a terminal. Lines are at most
// `width` columns wide where words allow.
std::string HelpPage(const CommandLine& line, bool bold, size_t width = 80);

}  // namespace hodei::cli
