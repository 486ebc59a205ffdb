#include "cli/storage/gs_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace hodei::cli {
namespace {

// One set "[…]" at `pattern[at]`: whether it takes `c`, and where it ends. A set that is not closed
// is the character itself.
bool SetTakes(std::string_view pattern, size_t at, char c, size_t* end) {
  size_t close = pattern.find(']', at + 2);
  if (close == pattern.npos) {
    *end = at + 1;
    return c == '[';
  }
  *end = close + 1;
  std::string_view set = pattern.substr(at + 1, close - at - 1);
  bool inverted = set.front() == '!' || set.front() == '^';
  if (inverted) set.remove_prefix(1);
  bool found = false;
  for (size_t i = 0; i < set.size(); ++i) {
    bool range = i + 2 < set.size() && set[i + 1] == '-';
    found |= range ? (c >= set[i] && c <= set[i + 2]) : c == set[i];
    if (range) i += 2;
  }
  return found != inverted && c != '/';
}

}  // namespace

bool IsGsUrl(std::string_view text) { return text.substr(0, 5) == "gs://"; }

Result<GsUrl> ParseGsUrl(std::string_view text) {
  if (!IsGsUrl(text)) {
    return InvalidArgument(
        fmt::format("[{}] is no Cloud Storage URL; it starts with gs://.", text));
  }
  std::string_view rest = text.substr(5);
  size_t slash = rest.find('/');
  GsUrl url;
  url.bucket = rest.substr(0, slash);
  if (slash != rest.npos) url.object = rest.substr(slash + 1);
  size_t mark = url.object.rfind('#');
  if (mark != url.object.npos && mark > 0 && mark + 1 < url.object.size() &&
      url.object.find_first_not_of("0123456789", mark + 1) == std::string::npos) {
    url.generation = url.object.substr(mark + 1);
    url.object.resize(mark);
  }
  constexpr std::string_view kBucketCharacters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (url.bucket.size() < 3 ||
      url.bucket.find_first_not_of(kBucketCharacters) != std::string::npos) {
    return InvalidArgument(fmt::format(
        "Invalid bucket name in [{}]: 3 to 63 of the characters a-z, 0-9, '-', '_' and '.'.",
        text));
  }
  return url;
}

bool HasWildcard(std::string_view text) { return text.find_first_of("*?[") != text.npos; }

std::string_view FixedPrefix(std::string_view pattern) {
  return pattern.substr(0, pattern.find_first_of("*?["));
}

bool GlobMatches(std::string_view pattern, std::string_view text) {
  // alive[i]: pattern[0..i) can have taken the text so far.
  std::vector<char> alive(pattern.size() + 1, 0);
  auto spread = [&](std::vector<char>& states) {
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (states[i] && pattern[i] == '*') states[i + 1] = 1;  // a star may take nothing
    }
  };
  alive[0] = 1;
  spread(alive);
  for (char c : text) {
    std::vector<char> next(pattern.size() + 1, 0);
    for (size_t i = 0; i < pattern.size(); ++i) {
      if (!alive[i]) continue;
      char p = pattern[i];
      bool double_star = p == '*' && ((i + 1 < pattern.size() && pattern[i + 1] == '*') ||
                                      (i > 0 && pattern[i - 1] == '*'));
      size_t end = i + 1;
      if (p == '*') {
        if (double_star || c != '/') next[i] = 1;
      } else if (p == '[') {
        if (SetTakes(pattern, i, c, &end)) next[end] = 1;
      } else if ((p == '?' && c != '/') || p == c) {
        next[i + 1] = 1;
      }
    }
    spread(next);
    alive = std::move(next);
  }
  return alive[pattern.size()] != 0;
}

namespace {

constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

// Divides `bytes` down to the unit returned.
const char* Unit(double* bytes) {
  size_t unit = 0;
  for (; *bytes >= 1024 && unit + 1 < std::size(kUnits); ++unit) *bytes /= 1024;
  return kUnits[unit];
}

}  // namespace

std::string ByteText(double bytes) {
  bool small = bytes < 1024;
  const char* unit = Unit(&bytes);
  return small ? fmt::format("{:.0f} {}", bytes, unit) : fmt::format("{:.2f} {}", bytes, unit);
}

std::string TightByteText(uint64_t bytes) {
  double number = static_cast<double>(bytes);
  const char* unit = Unit(&number);
  return fmt::format("{:.2f}{}", number, unit);
}

std::string DecimalByteText(uint64_t bytes) {
  double number = static_cast<double>(bytes);
  const char* unit = Unit(&number);
  return fmt::format("{:.1f} {}", number, unit);
}

std::string ShortByteText(uint64_t bytes) {
  double number = static_cast<double>(bytes);
  const char* unit = Unit(&number);
  std::string text = fmt::format("{:.2f}", number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " " + unit;
}

}  // namespace hodei::cli
