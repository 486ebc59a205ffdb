#include "cli/output/console.h"

#include <cstdint>

namespace hodei::cli {
namespace {

struct Decoded {
  uint32_t point = 0xFFFD;
  size_t length = 1;  // bytes consumed, at least 1
  bool valid = false;
};

// One UTF-8 character at the start of `text`, which is not empty.
Decoded Decode(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return {};
  uint32_t point = first & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    point = (point << 6) | (byte(i) & 0x3F);
  }
  bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  if (overlong || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return {};
  return {point, length, true};
}

bool ReordersText(uint32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

// The length of the terminal escape sequence at the start of `text` (which begins with ESC): CSI up
// to its final byte, OSC, DCS and the like up to BEL or ST, otherwise ESC and one byte.
size_t EscapeLength(std::string_view text) {
  if (text.size() < 2) return text.size();
  char kind = text[1];
  if (kind == '[') {
    for (size_t i = 2; i < text.size(); ++i) {
      if (text[i] >= 0x40 && text[i] <= 0x7E) return i + 1;
      if (static_cast<uint8_t>(text[i]) < 0x20 || static_cast<uint8_t>(text[i]) > 0x7E) return i;
    }
    return text.size();
  }
  if (kind == ']' || kind == 'P' || kind == '_' || kind == '^' || kind == 'X') {
    for (size_t i = 2; i < text.size(); ++i) {
      if (text[i] == '\a') return i + 1;
      if (text[i] == '\033') return i + 1 < text.size() && text[i + 1] == '\\' ? i + 2 : i;
      if (text[i] == '\n') return i;
    }
    return text.size();
  }
  return kind >= 0x20 && kind < 0x7F ? 2 : 1;
}

bool IsWide(uint32_t c) {
  return (c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
         (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
         (c >= 0xFE30 && c <= 0xFE6F) || (c >= 0xFF00 && c <= 0xFF60) ||
         (c >= 0xFFE0 && c <= 0xFFE6) || (c >= 0x1F300 && c <= 0x1F64F) ||
         (c >= 0x1F900 && c <= 0x1F9FF) || (c >= 0x20000 && c <= 0x3FFFD);
}

bool IsZeroWidth(uint32_t c) {
  return (c >= 0x0300 && c <= 0x036F) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x20D0 && c <= 0x20FF) || (c >= 0xFE00 && c <= 0xFE0F);
}

}  // namespace

std::string StripControls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char c = text.front();
    if (c == '\033') {
      text.remove_prefix(EscapeLength(text));
      continue;
    }
    Decoded decoded = Decode(text);
    bool control =
        decoded.valid && (decoded.point < 0x20 || (decoded.point >= 0x7F && decoded.point <= 0x9F));
    if (c == '\n' || c == '\t') {
      out += c;
    } else if (!decoded.valid) {
      out += "\xEF\xBF\xBD";
    } else if (!control && !ReordersText(decoded.point)) {
      out += text.substr(0, decoded.length);
    }
    text.remove_prefix(decoded.length);
  }
  return out;
}

size_t DisplayWidth(std::string_view text) {
  size_t width = 0;
  while (!text.empty()) {
    Decoded decoded = Decode(text);
    if (!IsZeroWidth(decoded.point)) width += IsWide(decoded.point) ? 2 : 1;
    text.remove_prefix(decoded.length);
  }
  return width;
}

void Console::Out(std::string_view text) {
  if (!muted_) options_.out(StripControls(text));
}

void Console::Err(std::string_view text) { options_.err(StripControls(text)); }

void Console::OutBytes(std::string_view bytes) {
  if (muted_) return;
  if (options_.out_is_terminal) return options_.out(StripControls(bytes));
  options_.out(bytes);
}

}  // namespace hodei::cli
