#include "base/json_integers.h"

#include <charconv>
#include <cstdint>
#include <system_error>

namespace hodei {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// A number's own characters, and those that would make a following one part of the same wrong word.
bool IsOfWord(char c) {
  return IsDigit(c) || c == '-' || c == '+' || c == '.' || (c >= 'a' && c <= 'z') ||
         (c >= 'A' && c <= 'Z');
}

size_t EndOfString(std::string_view json, size_t quote) {
  size_t at = quote + 1;
  while (at < json.size() && json[at] != '"') at += json[at] == '\\' ? 2 : 1;
  return at + 1;
}

size_t EndOfWord(std::string_view json, size_t at) {
  while (at < json.size() && IsOfWord(json[at])) ++at;
  return at;
}

// An integer as JSON writes it: no sign but a minus, no leading zero.
bool IsInteger(std::string_view word) {
  if (word.front() == '-') word.remove_prefix(1);
  if (word.empty() || (word.front() == '0' && word.size() > 1)) return false;
  for (char c : word) {
    if (!IsDigit(c)) return false;
  }
  return true;
}

template <typename Integer>
bool Holds(std::string_view word) {
  Integer value = 0;
  return std::from_chars(word.data(), word.data() + word.size(), value).ec == std::errc();
}

}  // namespace

std::optional<std::string> WithoutWideIntegers(std::string_view json) {
  std::string out;
  size_t copied = 0;
  for (size_t at = 0; at < json.size();) {
    if (json[at] == '"') {
      at = EndOfString(json, at);
      continue;
    }
    if (!IsOfWord(json[at])) {
      ++at;
      continue;
    }
    const size_t end = EndOfWord(json, at);
    const std::string_view word = json.substr(at, end - at);
    at = end;
    if (!IsInteger(word) || Holds<int64_t>(word) || Holds<uint64_t>(word)) continue;
    double value = 0;
    const char* const word_end = word.data() + word.size();
    if (std::from_chars(word.data(), word_end, value).ec != std::errc()) return std::nullopt;
    char digits[32];
    const auto printed =
        std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::scientific);
    out.append(json.substr(copied, end - word.size() - copied));
    out.append(digits, printed.ptr);
    copied = end;
  }
  if (copied == 0) return std::nullopt;
  out.append(json.substr(copied));
  return out;
}

}  // namespace hodei
