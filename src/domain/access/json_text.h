// A string as a JSON string literal, for the few small documents that access writes by hand.
#pragma once

#include <string>
#include <string_view>

namespace hodei::access {

// With its quotes. `text` must be UTF-8.
std::string JsonText(std::string_view text);

}  // namespace hodei::access
