#include "domain/prediction/piece_reader.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>

#include "store/object/file_bytes.h"

namespace hodei::prediction {
namespace {

using google::cloud::ml::v1::PredictionInput;

constexpr size_t kReadBytes = 256 * 1024;
// Of one gzip file, inflated.
constexpr uint64_t kInflatedMaxBytes = 1ULL << 40;

// Bytes [offset, offset + size) of the object; fewer at its end.
Result<std::string> ReadAt(const store::OpenedObject& opened, uint64_t offset, size_t size) {
  if (const auto* text = std::get_if<std::string>(&opened.content)) {
    if (offset >= text->size()) return std::string();
    return text->substr(offset, size);
  }
  return store::ReadSlice(std::get<store::FileSlice>(opened.content), offset, size);
}

// Lines that start in [begin, end).
Status ReadLines(const store::OpenedObject& opened, const Piece& piece, RecordCutter* cutter) {
  auto offset = static_cast<uint64_t>(piece.begin);
  const auto end = static_cast<uint64_t>(piece.end);
  // The line that goes over the border is the one before's.
  bool skipping = offset > 0;
  if (skipping) --offset;
  while (true) {
    ASSIGN_OR_RETURN(std::string bytes, ReadAt(opened, offset, kReadBytes));
    if (bytes.empty()) break;
    std::string_view rest = bytes;
    if (skipping) {
      const size_t feed = rest.find('\n');
      const uint64_t skipped = feed == rest.npos ? rest.size() : feed + 1;
      offset += skipped;
      rest.remove_prefix(skipped);
      skipping = feed == std::string_view::npos;
      if (!skipping && offset >= end) return OkStatus();
      if (rest.empty()) continue;
    }
    if (offset + rest.size() >= end) {
      // The last line ends with the first line feed at or after the piece's last byte.
      const size_t last = end > offset ? static_cast<size_t>(end - offset) - 1 : 0;
      const size_t feed = rest.find('\n', last);
      if (feed != rest.npos) {
        RETURN_IF_ERROR(cutter->Feed(rest.substr(0, feed + 1)));
        break;
      }
    }
    RETURN_IF_ERROR(cutter->Feed(rest));
    offset += rest.size();
  }
  return cutter->EndFile();
}

class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  Status Feed(std::string_view bytes, RecordCutter* cutter) {
    if (!ready_) return ResourceExhausted("no memory to inflate the input");
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
    while (stream_.avail_in > 0) {
      // Several gzip members in a row are one file.
      if (ended_ && inflateReset(&stream_) != Z_OK) return Bad();
      ended_ = false;
      stream_.next_out = reinterpret_cast<Bytef*>(out_.data());
      stream_.avail_out = static_cast<uInt>(out_.size());
      const int result = inflate(&stream_, Z_NO_FLUSH);
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return Bad();
      const size_t made = out_.size() - stream_.avail_out;
      inflated_ += made;
      if (inflated_ > kInflatedMaxBytes) return InvalidArgument("the input inflates to too much");
      RETURN_IF_ERROR(cutter->Feed({out_.data(), made}));
      ended_ = result == Z_STREAM_END;
    }
    return OkStatus();
  }
  Status Finish() const { return ended_ ? OkStatus() : Bad(); }

 private:
  static Status Bad() { return InvalidArgument("the input is no gzip, or cut short"); }
  z_stream stream_{};
  std::string out_ = std::string(kReadBytes, '\0');
  uint64_t inflated_ = 0;
  bool ready_ = false;
  bool ended_ = false;
};

Status ReadWhole(const store::OpenedObject& opened, bool gzip, RecordCutter* cutter) {
  Inflater inflater;
  uint64_t offset = 0;
  while (true) {
    ASSIGN_OR_RETURN(const std::string bytes, ReadAt(opened, offset, kReadBytes));
    if (bytes.empty()) break;
    offset += bytes.size();
    RETURN_IF_ERROR(gzip ? inflater.Feed(bytes, cutter) : cutter->Feed(bytes));
  }
  if (gzip && offset > 0) RETURN_IF_ERROR(inflater.Finish());
  return cutter->EndFile();
}

}  // namespace

RecordFormat FormatOf(DataFormat format) {
  return format == PredictionInput::TF_RECORD || format == PredictionInput::TF_RECORD_GZIP
             ? RecordFormat::kTfRecord
             : RecordFormat::kLines;
}

bool IsSplittable(DataFormat format) { return FormatOf(format) == RecordFormat::kLines; }

Status ReadPiece(const store::OpenedObject& opened, const Piece& piece, DataFormat format,
                 RecordCutter* cutter) {
  if (IsSplittable(format)) return ReadLines(opened, piece, cutter);
  return ReadWhole(opened, format == PredictionInput::TF_RECORD_GZIP, cutter);
}

}  // namespace hodei::prediction
