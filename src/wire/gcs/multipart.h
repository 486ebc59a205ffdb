// Reads multipart bodies piece by piece, in all the spellings that real clients send: CRLF or bare
// LF, boundary bare or in single or double quotes, parts without headers, no line end after the
// last delimiter. Exactly one line break before a delimiter belongs to the delimiter.
// Source: RFC 2046 §5.1; deviations as observed.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hodei::wire::gcs {

// The boundary parameter of a multipart Content-Type. INVALID_ARGUMENT when there is none.
Result<std::string> ParseBoundary(std::string_view content_type);

struct PartHeaders {
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case
  std::string_view Get(std::string_view lower_name) const;
};

class MultipartSink {
 public:
  virtual ~MultipartSink() = default;
  virtual Status BeginPart(const PartHeaders& headers) = 0;
  // Bytes of the current part; any number of calls.
  virtual Status PartBytes(std::string_view bytes) = 0;
  virtual Status EndPart() = 0;
};

class MultipartReader {
 public:
  static constexpr size_t kHeaderLimitBytes = 16 * 1024;

  // `sink` must outlive the reader.
  MultipartReader(std::string_view boundary, MultipartSink* sink);
  Status Feed(std::string_view bytes);
  // The body is complete: INVALID_ARGUMENT unless the closing delimiter was seen.
  Status Finish() const;

 private:
  enum class State { kPreamble, kHeaders, kBody, kEpilogue };
  // Each takes what it can from pending_; false when more bytes are needed.
  Result<bool> TakePreamble();
  Result<bool> TakeHeaders();
  Result<bool> TakeBody();
  Status AddHeaderLine(std::string_view line);

  const std::string dash_boundary_;   // "--boundary"
  const std::string line_delimiter_;  // "\n--boundary"
  MultipartSink& sink_;
  State state_ = State::kPreamble;
  // How the body ends its lines, as its first delimiter does. In a body of bare line feeds a CR
  // before a delimiter is the last byte of the part.
  bool crlf_ = false;
  std::string pending_;
  size_t searched_ = 0;  // no delimiter begins before this place of pending_
  size_t header_bytes_ = 0;
  PartHeaders headers_;
};

}  // namespace hodei::wire::gcs
