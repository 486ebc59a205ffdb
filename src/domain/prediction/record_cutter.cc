#include "domain/prediction/record_cutter.h"

#include <fmt/format.h>

#include <cstring>

namespace hodei::prediction {
namespace {

// TFRecord: length (8), CRC of the length (4), data, CRC of the data (4).
constexpr size_t kLengthBytes = 8;
constexpr size_t kFrameBytes = 16;

Status TooLong(const char* what) {
  return InvalidArgument(
      fmt::format("a {} of the input is longer than {} bytes", what, kRecordMaxBytes));
}

uint64_t LengthAt(std::string_view bytes) {
  uint64_t length = 0;
  for (size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return length;
}

}  // namespace

Result<size_t> RecordCutter::Whole() {
  if (format_ == RecordFormat::kLines) {
    const size_t end = held_.rfind('\n');
    if (end != std::string::npos) return end + 1;
    if (held_.size() > kRecordMaxBytes) return TooLong("line");
    return size_t{0};
  }
  while (held_.size() - scanned_ >= kLengthBytes) {
    const uint64_t length = LengthAt(std::string_view(held_).substr(scanned_));
    if (length > kRecordMaxBytes) return TooLong("record");
    if (held_.size() - scanned_ < length + kFrameBytes) break;
    scanned_ += static_cast<size_t>(length) + kFrameBytes;
  }
  return scanned_;
}

Status RecordCutter::Feed(std::string_view bytes) {
  held_.append(bytes);
  if (held_.size() < kChunkBytes) return OkStatus();
  ASSIGN_OR_RETURN(const size_t whole, Whole());
  if (whole == 0) return OkStatus();
  RETURN_IF_ERROR(sink_(std::string_view(held_).substr(0, whole)));
  held_.erase(0, whole);
  scanned_ = 0;
  return OkStatus();
}

Status RecordCutter::EndFile() {
  if (held_.empty()) return OkStatus();
  if (format_ == RecordFormat::kLines) {
    if (held_.size() > kRecordMaxBytes && held_.find('\n') == std::string::npos) {
      return TooLong("line");
    }
    if (held_.back() != '\n') held_ += '\n';
  } else {
    ASSIGN_OR_RETURN(const size_t whole, Whole());
    if (whole != held_.size()) return InvalidArgument("the last record of a file is cut short");
  }
  RETURN_IF_ERROR(sink_(held_));
  held_.clear();
  scanned_ = 0;
  return OkStatus();
}

}  // namespace hodei::prediction
