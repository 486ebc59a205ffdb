// The Job resource that flags and a configuration file ask for. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "cli/command_line.h"
#include "cli/output/json.h"

namespace hodei::cli {

// Values that gcloud refuses before it reads anything.
Status CheckTrainingFlags(const CommandLine& line);
// The document in a --config file; NOT_FOUND and INVALID_ARGUMENT in gcloud's words.
Result<Json> ReadJobConfig(const std::string& path);
// Flags over `config`; `packages` replace its packageUris where there are any.
Json MakeTrainingJob(const CommandLine& line, const std::string& job_id, const std::string& region,
                     Json config, const std::vector<std::string>& packages);
// "Non-custom jobs must have packages."
Status CheckTrainingJob(const Json& job);
// "nvidia-tesla-t4" → "NVIDIA_TESLA_T4".
std::string EnumName(std::string text);
// Keys and values as resource labels allow them.
Status CheckLabels(const std::vector<std::pair<std::string, std::string>>& labels,
                   const std::string& flag);

}  // namespace hodei::cli
