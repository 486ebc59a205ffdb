// A list of plain numbers, "[1, 2.5, -3e4]", read without a JSON parser: most of what a batch
// scores. What is not exactly that is left to ParseRequest(), which also says what is wrong with
// it.
#pragma once

#include <cstddef>
#include <string_view>

namespace hodei::serve {

// Readable bytes, of any value, that follow a text.
inline constexpr size_t kNumberRowPadding = 16;

// One JSON number with nothing but blanks behind it, as the nearest double. False for anything
// else, also outside double's range. `text` is followed by kNumberRowPadding bytes.
bool ReadWholeNumber(std::string_view text, double* value);

// Reads a JSON list of exactly `columns` numbers into out[0…columns-1], each as ParseRequest()
// reads it: as a double, then rounded to T. False for anything else, also for numbers outside
// double's range; then `out` holds anything. T is float or double. `text` is followed by
// kNumberRowPadding bytes.
template <typename T>
bool ReadNumberRow(std::string_view text, size_t columns, T* out);

}  // namespace hodei::serve
