// "Did you mean …?"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hodei::cli {

// How many letters must be put in, taken out or replaced to make `b` from `a`. Swapped neighbours
// count once.
size_t EditDistance(std::string_view a, std::string_view b);
// The candidate nearest to `word`, or empty when none is near enough to be meant.
std::string Nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace hodei::cli
