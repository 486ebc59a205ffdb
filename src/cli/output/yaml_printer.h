// Prints JSON values as the YAML that gcloud prints: keys sorted, lists not indented below their
// key, plain scalars unless YAML would read them as something else, texts of several lines as
// literal blocks.
#pragma once

#include <string>
#include <string_view>

#include "cli/output/json.h"

namespace hodei::cli {

// The document, with a newline at its end.
std::string YamlText(const Json& value);
// One string as a YAML scalar on one line.
std::string YamlScalar(std::string_view text);

}  // namespace hodei::cli
