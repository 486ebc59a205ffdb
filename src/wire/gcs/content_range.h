// The two range headers: Content-Range of resumable uploads and Range of downloads.
// Sources: RFC 9110 §14; https://cloud.google.com/storage/docs/performing-resumable-uploads.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/status.h"

namespace hodei::wire::gcs {

// Content-Range of a request to an upload session.
struct UploadRange {
  enum class Kind {
    kWhole,    // no header: the body is the object, or what is missing of it
    kChunk,    // "bytes A-B/T" or "bytes A-B/*"
    kOpenEnd,  // "bytes A-*/*": everything from A to the end of the body
    kQuery,    // "bytes */*" or "bytes */T"
  } kind = Kind::kWhole;
  uint64_t first = 0;
  uint64_t last = 0;              // kChunk
  std::optional<uint64_t> total;  // when the header says it

  bool IsFinal() const {
    return kind == Kind::kWhole || kind == Kind::kOpenEnd ||
           (kind == Kind::kChunk && total && *total == last + 1);
  }
};

// INVALID_ARGUMENT for anything else, including A > B, B >= T and numbers that overflow.
Result<UploadRange> ParseUploadRange(std::string_view header);

// Range of a download, against an object of `size` bytes.
struct DownloadRange {
  enum class Kind {
    kWhole,          // no range, or one that is to be ignored
    kPart,           // 206
    kUnsatisfiable,  // 416
  } kind = Kind::kWhole;
  uint64_t first = 0;
  uint64_t length = 0;
};

DownloadRange ParseDownloadRange(std::string_view header, uint64_t size);

}  // namespace hodei::wire::gcs
