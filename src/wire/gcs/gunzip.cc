#include "wire/gcs/gunzip.h"

#include <zlib.h>

#include <array>

namespace hodei::wire::gcs {

struct Gunzip::Context {
  z_stream stream{};
  bool ready = false;
  ~Context() {
    if (ready) inflateEnd(&stream);
  }
};

Gunzip::Gunzip(uint64_t output_limit)
    : context_(std::make_unique<Context>()), output_limit_(output_limit) {
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  context_->ready = inflateInit2(&context_->stream, kGzipOnly) == Z_OK;
}

Gunzip::~Gunzip() = default;

Status Gunzip::Feed(std::string_view bytes, const std::function<Status(std::string_view)>& sink) {
  const auto bad = [] {
    return InvalidArgument("The body is not valid gzip.").WithReason("badRequest");
  };
  if (!context_->ready) return Internal("zlib cannot start");
  z_stream& stream = context_->stream;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, 65536> out;
  bool filled = false;
  while (stream.avail_in > 0 || filled) {
    // Concatenated members are one stream of bytes.
    if (ended_) {
      if (stream.avail_in == 0) return OkStatus();
      if (inflateReset(&stream) != Z_OK) return bad();
      ended_ = false;
    }
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = out.size();
    const int result = inflate(&stream, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) return bad();
    const size_t size = out.size() - stream.avail_out;
    filled = stream.avail_out == 0;
    produced_ += size;
    if (produced_ > output_limit_) {
      return InvalidArgument("The inflated body is too large.").WithReason("uploadTooLarge");
    }
    if (size > 0) RETURN_IF_ERROR(sink(std::string_view(out.data(), size)));
    ended_ = result == Z_STREAM_END;
    if (result == Z_BUF_ERROR && size == 0) break;
  }
  return OkStatus();
}

Status Gunzip::Finish() const {
  return ended_ ? OkStatus()
                : InvalidArgument("The gzip body is cut short.").WithReason("badRequest");
}

}  // namespace hodei::wire::gcs
