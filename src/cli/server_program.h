// Where the program `hodeid` is.
#pragma once

#include <string>

#include "base/status.h"
#include "cli/context.h"

namespace hodei::cli {

// Beside this program, or in PATH. NOT_FOUND says how to get it.
Result<std::string> FindServerProgram(Context& context);

}  // namespace hodei::cli
