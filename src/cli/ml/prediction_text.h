// Instances as files hold them, and predictions as gcloud prints them.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/context.h"

namespace hodei::cli {

// The instances of --json-instances, --text-instances or --json-request ("-" is standard input).
// `limit` (0: none) caps the first two. INVALID_ARGUMENT in gcloud's words.
Result<Json> ReadInstances(const CommandLine& line, size_t limit);
constexpr size_t kInstancesLimit = 100;  // gcloud's, for the two line formats
constexpr size_t kInstancesBytesLimit = 256ULL << 20;
std::vector<Flag> InstanceFlags();
const std::vector<std::string>& InstanceFlagNames();

// Prints an answer of :predict: --format where given; a table for objects, one line for other
// values, JSON for an answer without predictions.
Result<int> PrintPredictions(Context& context, const Json& answer);
// A value as Python writes it: ['a', 0.5, True, None].
std::string PythonText(const Json& value);

}  // namespace hodei::cli
