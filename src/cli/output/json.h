// JSON values as the command reads and prints them. Object keys are sorted, which is also the order
// the printed forms use. No exception leaves these functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::cli {

using Json = nlohmann::json;

// INVALID_ARGUMENT with the position when `text` is not one JSON value.
Result<Json> ParseJsonText(std::string_view text);
// Bytes that are not UTF-8 become U+FFFD. `indent` < 0 prints one line.
std::string JsonText(const Json& value, int indent = -1);

// The member at a dotted path ("trainingInput.region"), or null when some step is missing.
const Json* Member(const Json& value, std::string_view path);
// The same as text: strings as they are, numbers and booleans printed, anything else "".
std::string MemberText(const Json& value, std::string_view path);

}  // namespace hodei::cli
