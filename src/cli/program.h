// The program without its process: one command line in, text and an exit code out.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/output/console.h"
#include "cli/settings.h"

namespace hodei::cli {

struct ProgramInput {
  std::vector<std::string> words;  // without the program's name
  EnvironmentVariables environment;
  std::string program_folder;  // where this program and `hodeid` are
};

// Exit codes as gcloud's: 0 success, 1 an error, 2 a command line that makes no command.
int RunProgram(const ProgramInput& input, Console* console, const Clock& clock);

}  // namespace hodei::cli
