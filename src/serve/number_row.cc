#include "serve/number_row.h"

#include <bit>
#include <charconv>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

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
  return std::countr_zero(others) / 8;
}

constexpr uint64_t kScale[] = {1,
                               10,
                               100,
                               1'000,
                               10'000,
                               100'000,
                               1'000'000,
                               10'000'000,
                               100'000'000,
                               1'000'000'000,
                               10'000'000'000,
                               100'000'000'000,
                               1'000'000'000'000,
                               10'000'000'000'000,
                               100'000'000'000'000,
                               1'000'000'000'000'000,
                               10'000'000'000'000'000};

// The number that the first `count` characters of `word` say; 0 to 8 digits.
uint64_t DigitsToNumber(uint64_t word, int count) {
  const int half = 4 * (8 - count);  // a shift by all 64 bits has no meaning, two by 32 have
  word = word << half << half;       // zeros before it
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

constexpr size_t kBlock = 16;
static_assert(kBlock <= kNumberRowPadding);

// The digits of a fraction, at most kBlock of them.
struct Fraction {
  const char* end;    // behind the last one
  uint64_t mantissa;  // with them at its end
};

// Without a branch that depends on how many there are, because that changes from value to value.
inline Fraction FractionDigits(const char* at, uint64_t mantissa) {
  const uint64_t first = Word(at);
  const uint64_t second = Word(at + 8);
  const int count = LeadingDigits(first);
  const int more = LeadingDigits(second) & -(count / 8);  // none unless all eight were
  mantissa = mantissa * kScale[count] + DigitsToNumber(first, count);
  mantissa = mantissa * kScale[more] + DigitsToNumber(second, more);
  return {at + count + more, mantissa};
}

#if defined(__x86_64__)
__m128i DigitsOf(const char* at) {
  const auto* block = reinterpret_cast<const __m128i*>(at);
  return _mm_sub_epi8(_mm_loadu_si128(block), _mm_set1_epi8('0'));
}

// The same in half the time, where the kBlock characters before `at` may be read too: digits are
// read again, so that the last one comes last in the block, and what is before them made zero.
inline Fraction FractionDigitsInText(const char* at, uint64_t mantissa) {
  const __m128i digits = DigitsOf(at);
  const __m128i good = _mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits);
  const auto others = ~static_cast<unsigned>(_mm_movemask_epi8(good));  // bits above are set
  const int count = std::countr_zero(others);
  const __m128i place = _mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m128i mine = _mm_cmpgt_epi8(place, _mm_set1_epi8(static_cast<char>(kBlock - 1 - count)));
  const __m128i ones = _mm_and_si128(DigitsOf(at + count - kBlock), mine);
  // Neighbours are joined: sixteen digits, eight numbers below 100, four below 10^4, two below
  // 10^8.
  const __m128i twos =
      _mm_add_epi16(_mm_mullo_epi16(_mm_and_si128(ones, _mm_set1_epi16(0xFF)), _mm_set1_epi16(10)),
                    _mm_srli_epi16(ones, 8));
  const __m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32((1 << 16) + 100));
  const __m128i eights =
      _mm_madd_epi16(_mm_packs_epi32(fours, fours), _mm_set1_epi32((1 << 16) + 10'000));
  const auto pair = static_cast<uint64_t>(_mm_cvtsi128_si64(eights));
  const uint64_t number = (pair & 0xFFFFFFFF) * 100'000'000 + (pair >> 32);
  return {at + count, mantissa * kScale[count] + number};
}
#else
inline Fraction FractionDigitsInText(const char* at, uint64_t mantissa) {
  return FractionDigits(at, mantissa);
}
#endif

// A number whose grammar was looked at. `magnitude` says which way it is out of a double's range,
// if it is: too small a number is zero.
const char* ReadSlowly(const char* begin, const char* end, int64_t magnitude, double* value) {
  const std::from_chars_result read = std::from_chars(begin, end, *value);
  if (read.ec == std::errc()) return read.ptr == end ? end : nullptr;
  if (magnitude >= 0) return nullptr;
  *value = *begin == '-' ? -0.0 : 0.0;
  return end;
}

// The number that a mantissa of `digits` digits and a power of ten say, where one operation on
// doubles gives the nearest; without it the text from `begin` to `at` is read slowly.
inline const char* Scale(const char* begin, const char* at, bool negative, uint64_t mantissa,
                         int64_t digits, int exponent, double* value) {
  if (digits > kMantissaDigitsMax || mantissa > kExactMax || exponent < -kPowerMax ||
      exponent > kPowerMax) [[unlikely]] {
    return ReadSlowly(begin, at, digits + exponent, value);
  }
  double exact = static_cast<double>(mantissa);
  exact = exponent <= 0 ? exact / kPowers[-exponent] : exact * kPowers[exponent];
  // Signs come in no order, so no branch depends on them.
  *value = std::bit_cast<double>(std::bit_cast<uint64_t>(exact) | (uint64_t{negative} << 63));
  return at;
}

// What follows an 'e'.
[[gnu::noinline]] const char* ReadExponent(const char* begin, const char* at, const char* end,
                                           uint64_t mantissa, int64_t digits, int exponent,
                                           double* value) {
  const bool down = *++at == '-';
  if (*at == '-' || *at == '+') ++at;
  const char* first = at;
  uint64_t power = 0;
  at = Digits(at, end, &power);
  if (at == first || at > end) return nullptr;
  if (at - first > kExponentDigitsMax) {
    return ReadSlowly(begin, at, down ? -kFarAway : kFarAway, value);
  }
  exponent += down ? -static_cast<int>(power) : static_cast<int>(power);
  return Scale(begin, at, *begin == '-', mantissa, digits, exponent, value);
}

// One number in JSON's grammar; null when there is none or it is out of range. It stands in the
// text from `text` to `end`.
[[gnu::always_inline]] inline const char* ReadNumber(const char* text, const char* begin,
                                                     const char* end, double* value) {
  const bool negative = *begin == '-';
  const char* at = begin + (negative ? 1 : 0);
  uint64_t mantissa = 0;
  const char* whole = at;
  at = Digits(at, end, &mantissa);
  int64_t digits = at - whole;
  if (digits == 0 || (digits > 1 && *whole == '0')) return nullptr;
  int exponent = 0;
  if (at < end && *at == '.') {
    const char* fraction = ++at;
    const bool early = static_cast<size_t>(at - text) < kBlock;
    const Fraction read = early ? FractionDigits(at, mantissa) : FractionDigitsInText(at, mantissa);
    at = read.end;
    mantissa = read.mantissa;
    if (at == fraction) return nullptr;
    if (at - fraction == kBlock) at = Digits(at, end, &mantissa);
    exponent = -static_cast<int>(at - fraction);
    digits += at - fraction;
  }
  if (at > end) return nullptr;  // what follows the text looked like more of the number
  if ((*at | 0x20) == 'e' && at < end) [[unlikely]] {
    return ReadExponent(begin, at, end, mantissa, digits, exponent, value);
  }
  return Scale(begin, at, negative, mantissa, digits, exponent, value);
}

}  // namespace

bool ReadWholeNumber(std::string_view text, double* value) {
  const char* const end = text.data() + text.size();
  const char* at = ReadNumber(text.data(), text.data(), end, value);
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
    at = ReadNumber(text.data(), at, end, &value);
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
