// Reads the YAML (or JSON) of --config files into JSON values. Kept apart from yaml-cpp, whose
// exceptions stop here.
#pragma once

#include <string>

#include "cli/output/json.h"

namespace hodei::cli {

// Scalars: quoted ones are strings; plain ones are null, booleans (true, false), numbers, or
// strings. `text_keys` names the mapping keys whose plain scalars stay text, so that
// `runtimeVersion: 1.10` is "1.10" and not 1.1. INVALID_ARGUMENT with line and column. Depth, and
// size after aliases are followed, are limited.
Result<Json> ReadYaml(const std::string& text, const std::vector<std::string>& text_keys);

constexpr size_t kYamlLimitBytes = 1 << 20;
constexpr int kYamlLimitDepth = 64;
constexpr size_t kYamlLimitNodes = 100'000;

}  // namespace hodei::cli
