// The digest by which a content is stored once: GMAC (AES-128) under a key that the store keeps to
// itself. Nobody who does not know the key can make two contents with one digest, whatever he does
// about MD5 and CRC; and it costs a fifth of what SHA-256 would (docs/decisions/0020).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace hodei::store {

inline constexpr size_t kContentKeyBytes = 16;
inline constexpr size_t kContentDigestBytes = 16;

// A running digest. One thread at a time. Movable; what was moved from may only be assigned to or
// destroyed.
class ContentDigest {
 public:
  explicit ContentDigest(std::string_view key);
  ~ContentDigest();
  ContentDigest(ContentDigest&&) noexcept;
  ContentDigest& operator=(ContentDigest&&) noexcept;

  void Update(std::string_view bytes);
  // Raw digest of everything seen; the digest may not be used after.
  std::string Final();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace hodei::store
