#include "cli/program.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/context.h"
#include "cli/help.h"
#include "cli/version.h"

namespace hodei::cli {
namespace {

// gsutil names the kind of failure instead of the command.
std::string GsutilErrorText(const Status& status) {
  std::string message = status.message();
  constexpr std::string_view kNothing = "The following URLs matched no objects or files:\n";
  constexpr std::string_view kNoBucket = " not found: 404.";
  if (message.rfind(kNothing, 0) == 0)
    return "CommandException: No URLs matched: " + message.substr(kNothing.size()) + "\n";
  if (message.ends_with(kNoBucket)) {
    message.resize(message.size() - kNoBucket.size());
    return "BucketNotFoundException: 404 " + message + " bucket does not exist.\n";
  }
  const char* kind = "CommandException: ";
  if (status.code() == Code::kPermissionDenied) kind = "AccessDeniedException: 403 ";
  if (status.code() == Code::kUnauthenticated) kind = "AccessDeniedException: 401 ";
  if (status.code() == Code::kAlreadyExists) kind = "ServiceException: 409 ";
  return StripControls(kind + message + "\n");
}

std::string ErrorText(Console& console, const CommandLine& line, std::string_view message) {
  std::string text = fmt::format("ERROR: ({}) {}", line.DottedPath(), message);
  if (text.back() != '\n') text += '\n';
  std::string clean = StripControls(text);
  if (!console.colour()) return clean;
  return "\033[1;31mERROR:\033[m" + clean.substr(6);
}

int UsageError(Console* console, const CommandLine& line, const std::string& message) {
  console->ErrOwn(ErrorText(*console, line, message));
  return 2;
}

int RunCommand(const Group& root, const CommandLine& line, const ProgramInput& input,
               Console* console, const Clock& clock) {
  Settings settings(&line, input.environment);
  Context context(&root, &line, &settings, console, &clock, input.program_folder);
  Result<int> result = line.command->run(context);
  if (result.ok()) return *result;
  Status status = ExplainUnreachable(result.status(), settings.Server());
  // A value that the command itself refuses is as wrong as one the parser refuses.
  if (status.reason() == "usage")
    return UsageError(console, line, status.message() + "\n" + UsageText(line));
  bool gsutil = !line.path.empty() && line.path.front() == "gsutil";
  console->ErrOwn(gsutil ? GsutilErrorText(status) : ErrorText(*console, line, status.message()));
  return 1;
}

}  // namespace

int RunProgram(const ProgramInput& input, Console* console, const Clock& clock) {
  Group root = BuildCommands();
  ParsedLine parsed = ParseCommandLine(root, input.words);
  const CommandLine& line = parsed.line;
  if (line.Switch("version") && line.path.empty()) {
    console->Out("hodei " + std::string(kVersion) + "\n");
    return 0;
  }
  bool asks_help = line.Switch("help");
  if (parsed.usage_error && !asks_help) return UsageError(console, line, *parsed.usage_error);
  if (asks_help) {
    // Bold is our own; nothing of a user's is on a help page.
    std::string page =
        HelpPage(line, console->colour() && console->out_is_terminal(), console->width());
    console->OutOwn(page);
    return 0;
  }
  if (line.command == nullptr) return UsageError(console, line, CommandExpected(line));
  if (!line.Switch("user-output-enabled", true)) console->MuteOut();
  return RunCommand(root, line, input, console, clock);
}

}  // namespace hodei::cli
