// Apart from digest.cc, so that a small static program can have the checksum without OpenSSL.
#include <array>
#include <cstring>

#include "base/digest.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace hodei {
namespace {

constexpr uint32_t kPolynomial = 0x82F63B78;  // Castagnoli, reflected

std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}

uint32_t CrcPortable(uint32_t crc, const unsigned char* p, size_t size) {
  static const std::array<uint32_t, 256> table = MakeTable();
  for (size_t i = 0; i < size; ++i) crc = (crc >> 8) ^ table[(crc ^ p[i]) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t CrcHardware(uint32_t crc, const unsigned char* p,
                                                       size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; size -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  crc = static_cast<uint32_t>(wide);
  for (; size > 0; --size, ++p) crc = _mm_crc32_u8(crc, *p);
  return crc;
}
#endif

// GF(2) matrix times vector, and matrix squared: the zlib method of combining CRCs, by which
// appending n zero bytes is a linear map that is raised to the power n.
uint32_t MatrixTimes(const std::array<uint32_t, 32>& matrix, uint32_t vector) {
  uint32_t sum = 0;
  for (int i = 0; vector != 0; ++i, vector >>= 1) {
    if ((vector & 1) != 0) sum ^= matrix[static_cast<size_t>(i)];
  }
  return sum;
}

std::array<uint32_t, 32> MatrixSquare(const std::array<uint32_t, 32>& matrix) {
  std::array<uint32_t, 32> square{};
  for (size_t i = 0; i < 32; ++i) square[i] = MatrixTimes(matrix, matrix[i]);
  return square;
}

}  // namespace

uint32_t Crc32c(uint32_t crc, std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
#if defined(__x86_64__)
  static const bool hardware = __builtin_cpu_supports("sse4.2") != 0;
  if (hardware) return ~CrcHardware(~crc, p, bytes.size());
#endif
  return ~CrcPortable(~crc, p, bytes.size());
}

uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b) {
  std::array<uint32_t, 32> odd{};
  odd[0] = kPolynomial;  // one zero bit
  for (size_t i = 1; i < 32; ++i) odd[i] = 1U << (i - 1);
  std::array<uint32_t, 32> power = MatrixSquare(MatrixSquare(odd));  // four zero bits
  for (; length_b != 0; length_b >>= 1) {
    power = MatrixSquare(power);
    if ((length_b & 1) != 0) crc_a = MatrixTimes(power, crc_a);
  }
  return crc_a ^ crc_b;
}

}  // namespace hodei
