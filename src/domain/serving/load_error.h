// What a serving program that could not load its model said about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exec/executor.h"

namespace hodei::serving {

inline constexpr size_t kLoadErrorMaxBytes = 16 << 10;

// The text of the last "LOAD_ERROR <JSON string>" line of a replica's log segments; empty when
// there is none. The segments are hostile bytes.
std::string FindLoadError(const std::string& log_dir);
// The text of one line; empty when it is no such line.
std::string ParseLoadError(std::string_view line);
// "was killed because it used more memory than its machine type has.": for people.
std::string EndText(const exec::ReplicaStatus& status);

}  // namespace hodei::serving
