// Content digests. The streaming forms are values: one thread at a time, Final() once.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hodei {

// Raw 32-byte digest.
std::string Sha256(std::string_view bytes);
// Lower-case hex of Sha256().
std::string Sha256Hex(std::string_view bytes);

// Raw keyed digests (RFC 2104): 32 and 20 bytes.
std::string HmacSha256(std::string_view key, std::string_view bytes);
std::string HmacSha1(std::string_view key, std::string_view bytes);

// A running MD5 or SHA-256 over chunks.
class DigestStream {
 public:
  enum class Kind { kMd5, kSha256 };
  explicit DigestStream(Kind kind);
  ~DigestStream();
  DigestStream(DigestStream&&) noexcept;
  DigestStream& operator=(DigestStream&&) noexcept;
  void Update(std::string_view bytes);
  // Raw digest of everything seen; the stream may not be used after.
  std::string Final();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

// CRC-32C (Castagnoli) of `bytes` continued from `crc` (0 to start).
uint32_t Crc32c(uint32_t crc, std::string_view bytes);
// CRC of the concatenation of A and B from their CRCs and B's length.
uint32_t Crc32cCombine(uint32_t crc_a, uint32_t crc_b, uint64_t length_b);

}  // namespace hodei
