// Response heads as bytes. What a handler puts into a header field cannot change the framing or
// start a second response.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_message.h"

namespace hodei::net {

// "Not Found" for 404; "Status" for a number without a registered phrase.
std::string_view ReasonPhrase(int status);
// Statuses whose responses never have a body (RFC 9110, 6.4.1).
bool HasNoBody(int status);

// The Date field's value, formatted once a second. One thread at a time.
class DateText {
 public:
  std::string_view Now();

 private:
  time_t second_ = 0;
  std::string text_;
};

// Unguessable request ids, 128 bits as 32 hex digits. One thread at a time.
class RequestIds {
 public:
  void Next(std::string* id);

 private:
  std::string random_;
  size_t used_ = 0;
};

struct ResponseFraming {
  bool close = false;
  bool http_1_0_keep_alive = false;
  bool chunked = false;
  std::optional<uint64_t> content_length;
};

// Appends the status line, the server's own fields, the handler's fields and the empty line.
// Fields that belong to the server (framing, Date, Server, X-Request-Id …) are left out of the
// handler's, as are malformed names; control characters in values become spaces.
void AppendResponseHead(int status, const Headers& headers, const ResponseFraming& framing,
                        std::string_view date, std::string_view request_id, std::string* out);

// Appends `size` as the size line of a chunk.
void AppendChunkSize(uint64_t size, std::string* out);

}  // namespace hodei::net
