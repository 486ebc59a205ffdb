// The tables of `jobs describe --summarize`.
#pragma once

#include <string>

#include "cli/output/json.h"

namespace hodei::cli {

std::string SummarizeJob(const Json& job);

}  // namespace hodei::cli
