// What the flags of `buckets create` and `buckets update` say about a bucket resource.
#pragma once

#include "cli/command_line.h"
#include "cli/output/json.h"

namespace hodei::cli {

// The body of an insert, without the name.
Result<Json> NewBucketSettings(const CommandLine& line);
// The merge patch of an update: null takes a member away. Empty when no flag asks for anything.
Result<Json> BucketChanges(const CommandLine& line);
// The JSON of a file; INVALID_ARGUMENT names the file.
Result<Json> ReadJsonFile(const std::string& path);

}  // namespace hodei::cli
