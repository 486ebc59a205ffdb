#include "store/object/names.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"

namespace hodei::store {
namespace {

constexpr size_t kMaxObjectNameBytes = 1024;
constexpr size_t kMaxLabelBytes = 63;
constexpr size_t kMaxDottedBytes = 222;

bool IsAlphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsBucketChar(char c) { return IsAlphanumeric(c) || c == '-' || c == '_' || c == '.'; }

Status BadBucket(std::string_view name) {
  const bool printable =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
  return InvalidArgument(
             fmt::format("Invalid bucket name: '{}'", printable && name.size() <= 256 ? name : "?"))
      .WithReason("invalid");
}

bool LooksLikeIpv4(std::string_view name) {
  return std::count(name.begin(), name.end(), '.') == 3 &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c == '.' || (c >= '0' && c <= '9'); });
}

bool LabelsFit(std::string_view name) {
  size_t start = 0;
  while (true) {
    const size_t dot = name.find('.', start);
    const size_t length = (dot == std::string_view::npos ? name.size() : dot) - start;
    if (length == 0 || length > kMaxLabelBytes) return false;
    if (dot == std::string_view::npos) return true;
    start = dot + 1;
  }
}

}  // namespace

Status CheckBucketName(std::string_view name) {
  const bool dotted = name.find('.') != std::string_view::npos;
  const size_t limit = dotted ? kMaxDottedBytes : kMaxLabelBytes;
  if (name.size() < 3 || name.size() > limit) return BadBucket(name);
  if (!std::all_of(name.begin(), name.end(), IsBucketChar)) return BadBucket(name);
  if (!IsAlphanumeric(name.front()) || !IsAlphanumeric(name.back())) return BadBucket(name);
  if (!LabelsFit(name) || LooksLikeIpv4(name)) return BadBucket(name);
  if (name.starts_with("goog") || name.find("google") != std::string_view::npos) {
    return BadBucket(name);
  }
  return OkStatus();
}

Status CheckObjectName(std::string_view name) {
  const auto bad = [](std::string_view why) {
    return InvalidArgument(fmt::format("Invalid object name: {}", why)).WithReason("invalid");
  };
  if (name.empty()) return InvalidArgument("Required parameter: name").WithReason("required");
  if (name.size() > kMaxObjectNameBytes) {
    return bad("names must be at most 1024 bytes in UTF-8 encoding.");
  }
  if (!IsValidUtf8(name)) return bad("names must be valid UTF-8.");
  if (name.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return bad("names must not contain a carriage return, line feed or NUL.");
  }
  if (name == "." || name == "..") return bad("'.' and '..' are not allowed.");
  if (name.starts_with(".well-known/acme-challenge/")) {
    return bad("'.well-known/acme-challenge/' is reserved.");
  }
  return OkStatus();
}

}  // namespace hodei::store
