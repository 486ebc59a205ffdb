// Letters of ASCII, whatever the locale says: words of protocols are made of them.
#pragma once

#include <string>
#include <string_view>

namespace hodei {

// "A" to "Z" as "a" to "z"; every other byte as it is.
inline std::string AsciiLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace hodei
