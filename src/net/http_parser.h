// HTTP/1.1 message syntax (RFC 9112), strict where leniency lets two parsers disagree: bare CR or
// LF, obs-fold, white space before a colon, repeated or conflicting lengths are all errors.
// Plain functions over bytes: no socket, no coroutine, fuzzed alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "net/http_message.h"

namespace hodei::net {

bool EqualsIgnoreCase(std::string_view a, std::string_view b);
// A non-empty RFC 9110 token: what a method or a field name may be.
bool IsToken(std::string_view text);

struct HeadLimits {
  size_t head_bytes = 64 * 1024;    // everything up to and with the empty line; more: 431
  size_t target_bytes = 32 * 1024;  // more: 414
  size_t fields = 256;              // more: 431
  // No proxy can stand between us and the client, so what one could have read otherwise is taken
  // for what it means. TensorFlow needs both: "Transfer-Encoding: identity" beside
  // "Content-Length: 0" is no body (RFC 2616), and "chunked" overrides any Content-Length
  // (RFC 9112, 6.3), after which the connection ends.
  bool direct_client = false;
};

enum class ParseState { kNeedMore, kDone, kError };

// Finds the end of a head in a growing buffer, looking at each byte once.
class HeadScanner {
 public:
  explicit HeadScanner(const HeadLimits& limits) : limits_(limits) {}

  // `bytes` is everything received since the previous message; it only grows between calls.
  ParseState Scan(std::string_view bytes);
  // After kDone: the head is bytes[begin, end), without the empty lines that may precede it.
  size_t begin() const { return begin_; }
  size_t end() const { return end_; }
  // After kError: the HTTP status to answer and why.
  int http_status() const { return http_status_; }
  const char* message() const { return message_; }
  void Reset() { *this = HeadScanner(limits_); }

 private:
  ParseState Fail(int http_status, const char* message);

  HeadLimits limits_;
  size_t begin_ = 0;
  size_t line_start_ = 0;
  size_t scanned_ = 0;
  size_t end_ = 0;
  int empty_lines_ = 0;
  int http_status_ = 0;
  const char* message_ = "";
};

// What a request head says beyond RequestHead.
struct RequestFraming {
  int http_status = 0;  // not 0: the head is refused with this status
  const char* message = "";
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expect_continue = false;
  bool chunked = false;
};

// Parses a complete head as found by HeadScanner. Fills every field of `head` but peer and
// request_id; reuses its memory.
RequestFraming ParseRequestHead(std::string_view bytes, const HeadLimits& limits,
                                RequestHead* head);

struct ResponseHead {
  int status = 0;
  Headers headers;
  bool keep_alive = true;
  bool chunked = false;
  std::optional<uint64_t> content_length;
};

// The same for a response's head; false when malformed.
bool ParseResponseHead(std::string_view bytes, const HeadLimits& limits, ResponseHead* head);

// Takes the chunked coding off, in place. Extensions and trailers are checked, bounded and dropped.
class ChunkDecoder {
 public:
  struct Step {
    ParseState state = ParseState::kNeedMore;  // kDone: the body and its trailers are complete
    size_t consumed = 0;                       // input bytes used
    size_t produced = 0;                       // body bytes, now at the start of `data`
    const char* message = "";                  // of kError
  };
  static constexpr size_t kLineLimitBytes = 1024;  // one size line with its extensions
  static constexpr size_t kTrailersLimitBytes = 8 * 1024;

  Step Decode(char* data, size_t size);

 private:
  enum class At { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailer, kTrailerLf, kEnd };
  // One byte of syntax; null when it fits, else what is wrong with it.
  const char* Take(char byte);
  const char* TakeSize(char byte);
  const char* TakeTrailer(char byte);
  void EndSizeLine();

  At at_ = At::kSize;
  uint64_t size_ = 0;
  int digits_ = 0;
  size_t line_bytes_ = 0;
  size_t trailer_bytes_ = 0;
  size_t trailer_line_bytes_ = 0;
  bool trailer_has_colon_ = false;
};

}  // namespace hodei::net
