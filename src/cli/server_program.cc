#include "cli/server_program.h"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/process.h"

namespace hodei::cli {

Result<std::string> FindServerProgram(Context& context) {
  std::string beside = context.program_folder() + "/hodeid";
  if (access(beside.c_str(), X_OK) == 0) return beside;
  std::string found = FindProgram("hodeid", context.settings().environment());
  if (!found.empty()) return found;
  return NotFound(
      fmt::format("There is no program hodeid in {} or in PATH. Build it with `./run build`.",
                  context.program_folder()));
}

}  // namespace hodei::cli
