#include "serve/number_row.h"

#include <charconv>
#include <cstdint>
#include <cstring>

namespace hodei::serve {
namespace {

// Powers of ten that are doubles; with a mantissa below 2^53 one operation gives the nearest double
// of the product or quotient (Clinger's fast path).
constexpr double kPowers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kPowerMax = 22;
constexpr uint64_t kExactMax = uint64_t{1} << 53;
constexpr int kMantissaDigitsMax = 19;  // any such number fits 64 bits
constexpr int kExponentDigitsMax = 4;
constexpr int64_t kFarAway = 10'000;

const char* SkipBlanks(const char* at, const char* end) {
  while (at != end && (*at == ' ' || *at == '\t' || *at == '\r')) ++at;
  return at;
}

// How many of the eight characters in `word` are digits before the first that is none.
int LeadingDigits(uint64_t word) {
  constexpr uint64_t kHigh = 0xF0F0F0F0F0F0F0F0;
  constexpr uint64_t kZeros = 0x3030303030303030;
  // A byte is a digit when its high half is 3, and still is with 6 added. A carry comes only from a
  // byte that is none, and only reaches those behind it.
  const uint64_t others =
      ((word & kHigh) ^ kZeros) | (((word + 0x0606060606060606) & kHigh) ^ kZeros);
  return others == 0 ? 8 : __builtin_ctzll(others) / 8;
}

constexpr uint64_t kScale[] = {1,       10,        100,        1'000,      10'000,
                               100'000, 1'000'000, 10'000'000, 100'000'000};

// The number that the first `count` characters of `word` say; 0 to 8 digits.
uint64_t DigitsToNumber(uint64_t word, int count) {
  word = count == 0 ? 0 : word << (8 * (8 - count));  // zeros before it
  word &= 0x0F0F0F0F0F0F0F0F;
  word = ((word * (1 + (uint64_t{10} << 8))) >> 8) & 0x00FF00FF00FF00FF;
  word = ((word * (1 + (uint64_t{100} << 16))) >> 16) & 0x0000FFFF0000FFFF;
  return (word * (1 + (uint64_t{10'000} << 32))) >> 32;
}

uint64_t Word(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

// Digits from `at` on, appended to `mantissa`; where they end. For short ones.
const char* Digits(const char* at, const char* end, uint64_t* mantissa) {
  while (at < end && static_cast<unsigned char>(*at - '0') < 10) {
    *mantissa = *mantissa * 10 + static_cast<uint64_t>(*at++ - '0');
  }
  return at;
}

// The same for fractions: sixteen at a time and without a branch that depends on how many there
// are, because that changes from value to value.
const char* FractionDigits(const char* at, const char* end, uint64_t* mantissa) {
  const uint64_t first = Word(at);
  const uint64_t second = Word(at + 8);
  const int count = LeadingDigits(first);
  const int more = count == 8 ? LeadingDigits(second) : 0;
  *mantissa = *mantissa * kScale[count] + DigitsToNumber(first, count);
  *mantissa = *mantissa * kScale[more] + DigitsToNumber(second, more);
  at += count + more;
  return more == 8 ? Digits(at, end, mantissa) : at;
}

// A number whose grammar was looked at. `magnitude` says which way it is out of a double's range,
// if it is: too small a number is zero.
const char* ReadSlowly(const char* begin, const char* end, int64_t magnitude, double* value) {
  const std::from_chars_result read = std::from_chars(begin, end, *value);
  if (read.ec == std::errc()) return read.ptr == end ? end : nullptr;
  if (magnitude >= 0) return nullptr;
  *value = *begin == '-' ? -0.0 : 0.0;
  return end;
}

// One number in JSON's grammar; null when there is none or it is out of range.
const char* ReadNumber(const char* begin, const char* end, double* value) {
  const char* at = begin;
  const bool negative = at != end && *at == '-';
  if (negative) ++at;
  uint64_t mantissa = 0;
  const char* whole = at;
  at = Digits(at, end, &mantissa);
  auto digits = at - whole;
  if (digits == 0 || (digits > 1 && *whole == '0')) return nullptr;
  int exponent = 0;
  if (at < end && *at == '.') {
    const char* fraction = ++at;
    at = FractionDigits(at, end, &mantissa);
    if (at == fraction) return nullptr;
    exponent = -static_cast<int>(at - fraction);
    digits += at - fraction;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    const bool down = at != end && *at == '-';
    if (at != end && (*at == '-' || *at == '+')) ++at;
    const char* first = at;
    uint64_t power = 0;
    at = Digits(at, end, &power);
    if (at == first) return nullptr;
    if (at - first > kExponentDigitsMax) {
      if (at > end) return nullptr;
      return ReadSlowly(begin, at, down ? -kFarAway : kFarAway, value);
    }
    exponent += down ? -static_cast<int>(power) : static_cast<int>(power);
  }
  if (at > end) return nullptr;  // what follows the text looked like more of the number
  if (digits <= kMantissaDigitsMax && mantissa <= kExactMax && exponent >= -kPowerMax &&
      exponent <= kPowerMax) {
    double exact = static_cast<double>(mantissa);
    exact = exponent < 0 ? exact / kPowers[-exponent] : exact * kPowers[exponent];
    *value = negative ? -exact : exact;
    return at;
  }
  return ReadSlowly(begin, at, static_cast<int64_t>(digits) + exponent, value);
}

}  // namespace

bool ReadWholeNumber(std::string_view text, double* value) {
  const char* const end = text.data() + text.size();
  const char* at = ReadNumber(text.data(), end, value);
  while (at != nullptr && at != end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
    ++at;
  }
  return at == end;
}

template <typename T>
bool ReadNumberRow(std::string_view text, size_t columns, T* out) {
  const char* at = text.data();
  const char* const end = at + text.size();
  at = SkipBlanks(at, end);
  if (at == end || *at != '[') return false;
  for (size_t i = 0; i < columns; ++i) {
    at = SkipBlanks(at + 1, end);  // past the bracket or the comma
    double value = 0;
    at = ReadNumber(at, end, &value);
    if (at == nullptr) return false;
    out[i] = static_cast<T>(value);
    at = SkipBlanks(at, end);
    if (at == end || *at != (i + 1 == columns ? ']' : ',')) return false;
  }
  return columns > 0 && SkipBlanks(at + 1, end) == end;
}

template bool ReadNumberRow(std::string_view text, size_t columns, float* out);
template bool ReadNumberRow(std::string_view text, size_t columns, double* out);

}  // namespace hodei::serve
