// Waits for long-running operations.
#pragma once

#include <string>

#include "cli/context.h"

namespace hodei::cli {

// Polls `operation` until it is done, with `message` and a moving mark on a terminal; returns its
// `response`. The operation's error is the error returned. Gives up after an hour.
Result<Json> WaitForOperation(Context& context, Json operation, const std::string& message);

}  // namespace hodei::cli
