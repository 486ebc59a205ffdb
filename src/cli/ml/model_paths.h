// What the commands on models and versions share.
#pragma once

#include <initializer_list>
#include <string>

#include "cli/context.h"

namespace hodei::cli {

// "/v1/projects/P/models", and below it the names given, each one escaped path segment.
Result<std::string> ModelsPath(Context& context, std::initializer_list<std::string> below = {});
// "Using endpoint […]", which gcloud says first.
void PrintEndpoint(Context& context);
Flag ModelFlag();
Flag RegionFlag();
Json LabelsOf(const CommandLine& line, std::string_view flag);

// --update-labels, --remove-labels and --clear-labels over what there is; nullopt when the flags
// change nothing.
std::optional<Json> ChangedLabels(const CommandLine& line, const Json& resource);
bool AsksForLabels(const CommandLine& line);
std::vector<Flag> LabelUpdateFlags();

// Uploads a local folder as gcloud does, to gs://BUCKET/SHA256/…, and returns that address with a
// slash at its end; a gs:// address is returned as it is. INVALID_ARGUMENT without a staging bucket
// or for a folder without files.
Result<std::string> UploadModelFolder(Context& context, const std::string& origin);

}  // namespace hodei::cli
