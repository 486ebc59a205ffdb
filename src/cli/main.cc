// hodei: the command line of a Hodei server.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "base/clock.h"
#include "cli/program.h"
#include "sys/file.h"

extern char** environ;

namespace {

using hodei::cli::Console;
using hodei::cli::ConsoleOptions;
using hodei::cli::EnvironmentVariables;
using hodei::cli::ProgramInput;

EnvironmentVariables ReadEnvironment() {
  EnvironmentVariables variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string text = *entry;
    size_t equals = text.find('=');
    if (equals != text.npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

std::string ProgramFolder() {
  char path[4096];
  ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0) return ".";
  std::string text(path, static_cast<size_t>(size));
  return text.substr(0, text.rfind('/'));
}

size_t TerminalWidth(int fd) {
  winsize size{};
  return ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

ConsoleOptions Terminal(const EnvironmentVariables& environment) {
  ConsoleOptions options;
  // A reader that went away (`| head`) ends the program quietly, as SIGPIPE would.
  auto write_to = [](int fd) {
    return [fd](std::string_view text) {
      if (!hodei::WriteAll(fd, text).ok()) _exit(fd == STDOUT_FILENO ? 141 : 1);
    };
  };
  options.out = write_to(STDOUT_FILENO);
  options.err = write_to(STDERR_FILENO);
  options.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  options.err_is_terminal = isatty(STDERR_FILENO) != 0;
  auto no_colour = environment.find("NO_COLOR");
  auto term = environment.find("TERM");
  bool dumb = term != environment.end() && term->second == "dumb";
  options.colour = options.err_is_terminal && !dumb &&
                   (no_colour == environment.end() || no_colour->second.empty());
  options.width = TerminalWidth(options.out_is_terminal ? STDOUT_FILENO : STDERR_FILENO);
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  signal(SIGPIPE, SIG_IGN);
  ProgramInput input;
  input.words.assign(argv + 1, argv + argc);
  input.environment = ReadEnvironment();
  input.program_folder = ProgramFolder();
  Console console(Terminal(input.environment));
  return hodei::cli::RunProgram(input, &console, hodei::SystemClock());
}
