#include "store/object/page_token.h"

#include "base/digest.h"
#include "base/encoding.h"

namespace hodei::store {
namespace {

// version, 8 bytes generation, name, 4 bytes CRC of all before.
constexpr char kVersion = 1;
constexpr size_t kFixedBytes = 1 + 8 + 4;

std::string BigEndian(uint64_t value, int bytes) {
  std::string out;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
  return out;
}

}  // namespace

std::string EncodePageToken(const ScanPosition& position) {
  std::string bytes(1, kVersion);
  bytes += BigEndian(static_cast<uint64_t>(position.generation), 8);
  bytes += position.name;
  bytes += BigEndian(Crc32c(0, bytes), 4);
  return Base64UrlEncode(bytes);
}

Result<ScanPosition> DecodePageToken(std::string_view token) {
  const auto bad = [] {
    return InvalidArgument("Invalid value for: Invalid page token.").WithReason("invalidParameter");
  };
  const Result<std::string> bytes = Base64Decode(token);
  if (!bytes.ok() || bytes->size() < kFixedBytes || bytes->front() != kVersion) return bad();
  const std::string_view body = std::string_view(*bytes).substr(0, bytes->size() - 4);
  if (BigEndian(Crc32c(0, body), 4) != std::string_view(*bytes).substr(body.size())) return bad();
  ScanPosition position;
  uint64_t generation = 0;
  for (const char c : body.substr(1, 8)) generation = generation << 8 | static_cast<uint8_t>(c);
  position.generation = static_cast<int64_t>(generation);
  position.name = std::string(body.substr(9));
  return position;
}

}  // namespace hodei::store
