#include "base/clock.h"

#include <fmt/format.h>
#include <time.h>

#include <cctype>
#include <charconv>
#include <chrono>
#include <string_view>

namespace hodei {
namespace {

class RealClock : public Clock {
 public:
  WallTime Now() const override { return {Read(CLOCK_REALTIME)}; }
  Nanoseconds Monotonic() const override { return Nanoseconds(Read(CLOCK_BOOTTIME)); }

 private:
  static int64_t Read(clockid_t id) {
    timespec ts{};
    clock_gettime(id, &ts);
    return int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
  }
};

// Reads exactly `count` digits at `*pos`; returns -1 when they are not all there.
int ReadDigits(std::string_view text, size_t* pos, int count) {
  int value = 0;
  for (int i = 0; i < count; ++i, ++*pos) {
    if (*pos >= text.size() || std::isdigit(static_cast<unsigned char>(text[*pos])) == 0) return -1;
    value = value * 10 + (text[*pos] - '0');
  }
  return value;
}

bool ReadChar(std::string_view text, size_t* pos, std::string_view accepted) {
  if (*pos >= text.size() || accepted.find(text[*pos]) == std::string_view::npos) return false;
  ++*pos;
  return true;
}

// Nanoseconds of an optional ".fraction"; -1 when malformed.
int64_t ReadFraction(std::string_view text, size_t* pos) {
  if (*pos >= text.size() || text[*pos] != '.') return 0;
  ++*pos;
  int64_t nanos = 0;
  int digits = 0;
  for (; *pos < text.size() && std::isdigit(static_cast<unsigned char>(text[*pos])) != 0; ++*pos) {
    if (++digits > 9) return -1;
    nanos = nanos * 10 + (text[*pos] - '0');
  }
  if (digits == 0) return -1;
  for (; digits < 9; ++digits) nanos *= 10;
  return nanos;
}

// Seconds to subtract for "Z" or "+hh:mm"; false when malformed.
bool ReadOffset(std::string_view text, size_t* pos, int64_t* seconds) {
  *seconds = 0;
  if (ReadChar(text, pos, "Zz")) return true;
  if (*pos >= text.size() || (text[*pos] != '+' && text[*pos] != '-')) return false;
  const int sign = text[(*pos)++] == '-' ? -1 : 1;
  const int hours = ReadDigits(text, pos, 2);
  if (hours < 0 || hours > 23 || !ReadChar(text, pos, ":")) return false;
  const int minutes = ReadDigits(text, pos, 2);
  if (minutes < 0 || minutes > 59) return false;
  *seconds = sign * (hours * 3600 + minutes * 60);
  return true;
}

}  // namespace

const Clock& SystemClock() {
  static const RealClock clock;
  return clock;
}

std::string FormatRfc3339(WallTime time, int fraction_digits) {
  int64_t seconds = time.unix_nanos / 1'000'000'000;
  int64_t nanos = time.unix_nanos % 1'000'000'000;
  if (nanos < 0) {
    nanos += 1'000'000'000;
    --seconds;
  }
  const time_t whole = seconds;
  tm utc{};
  gmtime_r(&whole, &utc);
  std::string out = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", utc.tm_year + 1900,
                                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec);
  if (fraction_digits > 0) {
    out += fmt::format(".{:09}", nanos).substr(0, 1 + static_cast<size_t>(fraction_digits));
  }
  out += 'Z';
  return out;
}

Result<WallTime> ParseRfc3339(std::string_view text) {
  const Status bad = InvalidArgument(fmt::format("'{}' is not an RFC 3339 timestamp", text));
  size_t pos = 0;
  tm utc{};
  utc.tm_year = ReadDigits(text, &pos, 4) - 1900;
  if (utc.tm_year < -1899 || !ReadChar(text, &pos, "-")) return bad;
  utc.tm_mon = ReadDigits(text, &pos, 2) - 1;
  if (utc.tm_mon < 0 || utc.tm_mon > 11 || !ReadChar(text, &pos, "-")) return bad;
  utc.tm_mday = ReadDigits(text, &pos, 2);
  if (utc.tm_mday < 1 || utc.tm_mday > 31 || !ReadChar(text, &pos, "Tt ")) return bad;
  utc.tm_hour = ReadDigits(text, &pos, 2);
  if (utc.tm_hour < 0 || utc.tm_hour > 23 || !ReadChar(text, &pos, ":")) return bad;
  utc.tm_min = ReadDigits(text, &pos, 2);
  if (utc.tm_min < 0 || utc.tm_min > 59 || !ReadChar(text, &pos, ":")) return bad;
  utc.tm_sec = ReadDigits(text, &pos, 2);
  if (utc.tm_sec < 0 || utc.tm_sec > 60) return bad;
  const int64_t nanos = ReadFraction(text, &pos);
  int64_t offset = 0;
  if (nanos < 0 || !ReadOffset(text, &pos, &offset) || pos != text.size()) return bad;
  const int day = utc.tm_mday;
  const int64_t seconds = timegm(&utc);
  if (utc.tm_mday != day) return bad;  // timegm normalised a day that does not exist
  // Years whose nanoseconds do not fit 64 bits are refused, not wrapped.
  constexpr int64_t kMaxSeconds = INT64_MAX / 1'000'000'000 - 86'400;
  if (seconds > kMaxSeconds || seconds < -kMaxSeconds) return bad;
  return WallTime{(seconds - offset) * 1'000'000'000 + nanos};
}

std::string FormatHttpDate(int64_t unix_seconds) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::string text;
  text.reserve(32);
  const auto append = [&text](int64_t value, int width) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    for (auto size = end - digits; size < width; ++size) text += '0';
    text.append(digits, end);
  };
  text.append(kDays.substr(3 * std::chrono::weekday(day).c_encoding(), 3)).append(", ");
  append(static_cast<unsigned>(date.day()), 2);
  text.append(" ").append(kMonths.substr(3 * (static_cast<unsigned>(date.month()) - 1), 3));
  text += ' ';
  append(static_cast<int>(date.year()), 4);
  text += ' ';
  append(clock.hours().count(), 2);
  text += ':';
  append(clock.minutes().count(), 2);
  text += ':';
  append(clock.seconds().count(), 2);
  return text.append(" GMT");
}

}  // namespace hodei
