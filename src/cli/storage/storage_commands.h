// The parts of the storage command tables that several files make.
#pragma once

#include <vector>

#include "cli/command.h"

namespace hodei::cli {

Group BucketsGroup();                         // bucket_commands.cc
Group ObjectsGroup();                         // bucket_commands.cc
Group HmacGroup();                            // hmac_commands.cc
std::vector<Command> BucketPolicyCommands();  // iam_commands.cc
std::vector<Command> SettingCommands();       // gsutil_settings.cc: versioning, lifecycle, …
std::vector<Command> AccessCommands();        // gsutil_access.cc: iam, acl
// Flags that set what objects carry beside their bytes.
std::vector<Flag> ObjectSettingFlags();
std::vector<Flag> ConditionFlags();
Flag RecursiveFlag(std::string help);
Positional Urls(std::string help, bool required = true);

}  // namespace hodei::cli
