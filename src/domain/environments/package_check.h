// The little the server itself looks at in a package before the sandbox reads it: name, size and
// the first bytes. Archives are never parsed with the server's rights.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::environments {

inline constexpr int64_t kPackageBytesMax = 1LL << 30;

// INVALID_ARGUMENT with a sentence for the owner when `head` (the first bytes of the file, at least
// 8 when it has them), its size or its name rule the package out.
Status CheckPackage(std::string_view file_name, int64_t size_bytes, std::string_view head);

// The same for a file of ours on disk.
Status CheckPackageFile(std::string_view file_name, const std::string& host_path);

}  // namespace hodei::environments
