#include "wire/json/json_text.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/field_mask.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <system_error>

#include "base/encoding.h"
#include "wire/json/print_json.h"

namespace hodei::wire {
namespace {

// Which bytes AppendJsonString() cannot copy: quotes, controls, '<', '>', DEL, and whatever starts
// a sequence of more than one byte (checked there).
constexpr bool IsPlain(unsigned char c) {
  return c >= 0x20 && c < 0x7F && c != '"' && c != '\\' && c != '<' && c != '>';
}

void AppendEscape(unsigned code, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  *out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) *out += kHex[(code >> shift) & 0xF];
}

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there is none.
size_t SequenceLength(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || text.size() < length || !IsValidUtf8(text.substr(0, length))) return 0;
  return length;
}

// Appends the character at the start of `text`, which is not plain; returns the bytes consumed.
size_t AppendSpecial(std::string_view text, std::string* out) {
  const auto c = static_cast<unsigned char>(text[0]);
  switch (c) {
    case '"':
      *out += "\\\"";
      return 1;
    case '\\':
      *out += "\\\\";
      return 1;
    case '\n':
      *out += "\\n";
      return 1;
    case '\r':
      *out += "\\r";
      return 1;
    case '\t':
      *out += "\\t";
      return 1;
    case '\b':
      *out += "\\b";
      return 1;
    case '\f':
      *out += "\\f";
      return 1;
    default:
      break;
  }
  if (c < 0x80) {
    AppendEscape(c, out);
    return 1;
  }
  const size_t length = SequenceLength(text);
  if (length == 0) {
    *out += "\xEF\xBF\xBD";
    return 1;
  }
  const std::string_view sequence = text.substr(0, length);
  if (sequence == "\xE2\x80\xA8") {
    AppendEscape(0x2028, out);
  } else if (sequence == "\xE2\x80\xA9") {
    AppendEscape(0x2029, out);
  } else {
    *out += sequence;
  }
  return length;
}

template <typename Number>
void AppendDigits(Number value, std::string* out) {
  char digits[40];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  out->append(digits, error == std::errc() ? end - digits : 0);
}

template <typename Real>
void AppendRealOf(Real value, std::string* out) {
  if (std::isnan(value)) {
    *out += "\"NaN\"";
  } else if (std::isinf(value)) {
    *out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  } else {
    AppendDigits(value, out);
  }
}

void AppendPadded(int64_t value, size_t width, std::string* out) {
  char digits[24];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value);
  const size_t length = end - digits;
  if (length < width) out->append(width - length, '0');
  out->append(digits, length);
}

// ".500", ".123456": at least `digits` of 3, 6 or 9; none where 0 are enough.
void AppendFraction(int32_t nanos, int digits, std::string* out) {
  if (nanos == 0 && digits == 0) return;
  *out += '.';
  if (nanos % 1'000'000 == 0 && digits <= 3) {
    AppendPadded(nanos / 1'000'000, 3, out);
  } else if (nanos % 1'000 == 0 && digits <= 6) {
    AppendPadded(nanos / 1'000, 6, out);
  } else {
    AppendPadded(nanos, 9, out);
  }
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  *out += '"';
  size_t start = 0;
  size_t i = 0;
  while (i < text.size()) {
    if (IsPlain(static_cast<unsigned char>(text[i]))) {
      ++i;
      continue;
    }
    out->append(text, start, i - start);
    i += AppendSpecial(text.substr(i), out);
    start = i;
  }
  out->append(text, start, i - start);
  *out += '"';
}

void AppendNumber(int32_t value, std::string* out) { AppendDigits(value, out); }
void AppendNumber(uint32_t value, std::string* out) { AppendDigits(value, out); }
void AppendNumber(int64_t value, std::string* out) { AppendDigits(value, out); }
void AppendNumber(uint64_t value, std::string* out) { AppendDigits(value, out); }
void AppendReal(float value, std::string* out) { AppendRealOf(value, out); }
void AppendReal(double value, std::string* out) { AppendRealOf(value, out); }

void AppendTimestamp(const google::protobuf::Timestamp& time, int digits, std::string* out) {
  using std::chrono::days;
  // Years 0001 to 9999, the range of google.protobuf.Timestamp.
  const int64_t seconds = std::clamp<int64_t>(time.seconds(), -62'135'596'800, 253'402'300'799);
  const int64_t day = seconds >= 0 ? seconds / 86'400 : (seconds - 86'399) / 86'400;
  const int64_t in_day = seconds - day * 86'400;
  const std::chrono::year_month_day date{std::chrono::sys_days(days(day))};
  *out += '"';
  AppendPadded(static_cast<int>(date.year()), 4, out);
  *out += '-';
  AppendPadded(static_cast<unsigned>(date.month()), 2, out);
  *out += '-';
  AppendPadded(static_cast<unsigned>(date.day()), 2, out);
  *out += 'T';
  AppendPadded(in_day / 3600, 2, out);
  *out += ':';
  AppendPadded(in_day / 60 % 60, 2, out);
  *out += ':';
  AppendPadded(in_day % 60, 2, out);
  AppendFraction(std::clamp(time.nanos(), 0, 999'999'999), digits, out);
  *out += "Z\"";
}

void AppendDuration(const google::protobuf::Duration& duration, std::string* out) {
  *out += '"';
  if (duration.seconds() < 0 || duration.nanos() < 0) *out += '-';
  constexpr int64_t kSecondsLimit = 315'576'000'000;
  AppendNumber(std::abs(std::clamp(duration.seconds(), -kSecondsLimit, kSecondsLimit)), out);
  AppendFraction(std::abs(std::clamp(duration.nanos(), -999'999'999, 999'999'999)), 0, out);
  *out += "s\"";
}

void AppendMask(const google::protobuf::FieldMask& mask, std::string* out) {
  std::string text;
  for (const std::string& path : mask.paths()) {
    if (!text.empty()) text += ',';
    bool upper = false;
    for (char c : path) {
      if (c == '_') {
        upper = true;
        continue;
      }
      text += static_cast<char>(upper && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
      upper = false;
    }
  }
  AppendJsonString(text, out);
}

}  // namespace hodei::wire
