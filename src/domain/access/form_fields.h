// The body of an HTML form: "a=1&b=two+words" (application/x-www-form-urlencoded).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::access {

inline constexpr size_t kMaxFormFields = 32;

// INVALID_ARGUMENT for a bad escape, too many fields, and a name that occurs twice (RFC 6749, 3.2).
Result<std::map<std::string, std::string>> ParseForm(std::string_view body);

}  // namespace hodei::access
