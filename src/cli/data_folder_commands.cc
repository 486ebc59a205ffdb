// storage fsck, backup, restore: the data folder of this machine's server, also while it runs. The
// work is hodeid's, in a process of its own; this command never opens the folder.
#include "cli/commands.h"
#include "cli/context.h"
#include "cli/process.h"
#include "cli/server_program.h"

namespace hodei::cli {
namespace {

// In our working folder: relative names mean the same there. hodeid prints and exits; its exit code
// is ours.
Result<int> RunServerProgram(Context& context, std::vector<std::string> arguments) {
  ASSIGN_OR_RETURN(const std::string program, FindServerProgram(context));
  ProcessRequest request;
  request.argv = {program, "--data", context.settings().DataFolder()};
  if (context.line().Has("config")) {
    request.argv.insert(request.argv.end(), {"--config", context.line().Text("config")});
  }
  request.argv.insert(request.argv.end(), arguments.begin(), arguments.end());
  request.environment = context.settings().environment();
  ASSIGN_OR_RETURN(const int pid, StartProcess(request));
  return WaitProcess(pid);
}

Result<int> CheckStorage(Context& context) { return RunServerProgram(context, {"--check"}); }

Result<int> BackUp(Context& context) {
  return RunServerProgram(context, {"--backup", context.line().positionals.front()});
}

Result<int> Restore(Context& context) {
  return RunServerProgram(context, {"--restore", context.line().positionals.front()});
}

Flag ConfigFlag() {
  return TextFlag("config", "FILE",
                  "The server's configuration file; needed where it keeps objects' bytes on an S3 "
                  "server.");
}

}  // namespace

Command StorageCheckCommand() {
  return {.name = "fsck",
          .summary = "Compare everything stored with what should be, also while the server runs",
          .description =
              "Reads every stored byte of the data folder on this machine (--data) and compares it "
              "with the index: sizes, checksums, counts of references, files that belong to "
              "nothing. The server may be running.\n\nExits with 0 when all agrees, and with 1 "
              "after naming what does not.",
          .flags = {ConfigFlag()},
          .run = CheckStorage,
          .examples = "  $ hodei storage fsck\n  $ hodei storage fsck --data /srv/hodei"};
}

std::vector<Command> DataFolderCommands() {
  return {
      {.name = "backup",
       .summary = "Copy the data folder as it is at one moment, also while the server runs",
       .description =
           "Writes all records, objects, logs and keys of the data folder (--data) to a new "
           "folder. Writers wait for some milliseconds. Files that never change are linked when "
           "the new folder is on the same disk, which protects from mistakes and not from the "
           "disk: back up to another one.\n\nExits with 0 when the folder is whole; otherwise with "
           "1, and there "
           "is no folder.",
       .positionals = {{.metavar = "FOLDER", .help = "The new folder."}},
       .flags = {ConfigFlag()},
       .run = BackUp,
       .examples = "  $ hodei backup /mnt/backup/hodei-$(date +%F)"},
      {.name = "restore",
       .summary = "Make a data folder from a backup",
       .description =
           "Copies a backup to the data folder (--data), which must not exist or be empty, and "
           "checks every byte before the folder gets its name. Exits with 0 or 1.",
       .positionals = {{.metavar = "BACKUP", .help = "A folder that `hodei backup` wrote."}},
       .run = Restore,
       .examples = "  $ hodei restore /mnt/backup/hodei-2026-01-31 --data /srv/hodei"},
  };
}

}  // namespace hodei::cli
