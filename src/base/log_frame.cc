#include "base/log_frame.h"

#include <cstring>

#include "base/digest.h"

namespace hodei {
namespace {

template <typename T>
void Append(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <typename T>
T Read(std::string_view bytes, size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

}  // namespace

void AppendLogFrame(const LogFrame& frame, std::string* out) {
  const size_t start = out->size();
  Append(uint32_t{0}, out);
  Append(static_cast<uint32_t>(frame.text.size()), out);
  Append(frame.seq, out);
  Append(frame.time.unix_nanos, out);
  Append(static_cast<uint8_t>(frame.stream), out);
  Append(frame.flags, out);
  Append(uint16_t{0}, out);
  out->append(frame.text);
  const uint32_t crc = Crc32c(0, std::string_view(*out).substr(start + 4));
  std::memcpy(out->data() + start, &crc, sizeof crc);
}

ParsedLogFrame ParseLogFrame(std::string_view bytes) {
  ParsedLogFrame out;
  if (bytes.size() < kLogFrameHeaderBytes) return out;
  const auto length = Read<uint32_t>(bytes, 4);
  if (length > kLogFrameMaxText) {
    out.kind = ParsedLogFrame::Kind::kCorrupt;
    return out;
  }
  out.size_bytes = kLogFrameHeaderBytes + length;
  if (bytes.size() < out.size_bytes) return out;
  const auto stream = Read<uint8_t>(bytes, 24);
  if (Read<uint32_t>(bytes, 0) != Crc32c(0, bytes.substr(4, out.size_bytes - 4)) || stream < 1 ||
      stream > 3) {
    out.kind = ParsedLogFrame::Kind::kCorrupt;
    return out;
  }
  out.kind = ParsedLogFrame::Kind::kFrame;
  out.frame.seq = Read<uint64_t>(bytes, 8);
  out.frame.time.unix_nanos = Read<int64_t>(bytes, 16);
  out.frame.stream = static_cast<LogStream>(stream);
  out.frame.flags = Read<uint8_t>(bytes, 25);
  out.frame.text = bytes.substr(kLogFrameHeaderBytes, length);
  return out;
}

}  // namespace hodei
