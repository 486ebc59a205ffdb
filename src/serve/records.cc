#include "serve/records.h"

#include <fmt/format.h>

#include <cstdint>
#include <cstring>

#include "base/digest.h"

namespace hodei::serve {
namespace {

constexpr size_t kHeaderBytes = 12;  // length and its checksum
constexpr size_t kFooterBytes = 4;

template <typename T>
T LoadLittleEndian(std::string_view bytes) {
  T value = 0;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return value;
}

// TFRecord masks its checksums, so that a checksum of bytes that hold checksums is still a good
// one.
uint32_t MaskedCrc(std::string_view bytes) {
  const uint32_t crc = Crc32c(0, bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8U;
}

}  // namespace

std::vector<std::string_view> SplitLines(std::string_view chunk) {
  std::vector<std::string_view> lines;
  while (!chunk.empty()) {
    const size_t end = std::min(chunk.find('\n'), chunk.size());
    std::string_view line = chunk.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
    chunk.remove_prefix(std::min(end + 1, chunk.size()));
  }
  return lines;
}

Result<std::vector<std::string_view>> SplitTfRecords(std::string_view chunk) {
  std::vector<std::string_view> records;
  while (!chunk.empty()) {
    if (chunk.size() < kHeaderBytes) return InvalidArgument("the TFRecord file ends in a header");
    const auto length = LoadLittleEndian<uint64_t>(chunk);
    if (LoadLittleEndian<uint32_t>(chunk.substr(8)) != MaskedCrc(chunk.substr(0, 8))) {
      return InvalidArgument(
          fmt::format("TFRecord {}: the checksum of its length is wrong", records.size()));
    }
    if (length > kRecordBytesMax || length > chunk.size() - kHeaderBytes ||
        chunk.size() - kHeaderBytes - length < kFooterBytes) {
      return InvalidArgument(fmt::format("TFRecord {} is cut short or too large", records.size()));
    }
    const std::string_view record = chunk.substr(kHeaderBytes, length);
    if (LoadLittleEndian<uint32_t>(chunk.substr(kHeaderBytes + length)) != MaskedCrc(record)) {
      return InvalidArgument(
          fmt::format("TFRecord {}: the checksum of its bytes is wrong", records.size()));
    }
    records.push_back(record);
    chunk.remove_prefix(kHeaderBytes + length + kFooterBytes);
  }
  return records;
}

}  // namespace hodei::serve
