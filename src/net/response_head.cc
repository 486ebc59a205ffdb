#include "net/response_head.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/clock.h"
#include "base/random_id.h"
#include "net/http_parser.h"

namespace hodei::net {
namespace {

struct Phrase {
  int status;
  std::string_view text;
};
constexpr Phrase kPhrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

constexpr std::string_view kServerFields[] = {
    "Content-Length", "Transfer-Encoding",      "Connection", "Keep-Alive", "Date", "Server",
    "X-Request-Id",   "X-Content-Type-Options",
};

// Most fields are told apart from the server's own by their length.
constexpr uint64_t kServerFieldLengths = [] {
  uint64_t lengths = 0;
  for (const std::string_view name : kServerFields) lengths |= uint64_t{1} << name.size();
  return lengths;
}();

bool IsServerField(std::string_view name) {
  if (name.size() >= 64 || (kServerFieldLengths >> name.size() & 1) == 0) return false;
  return std::any_of(std::begin(kServerFields), std::end(kServerFields),
                     [name](std::string_view own) { return EqualsIgnoreCase(own, name); });
}

void AppendNumber(uint64_t value, std::string* out, int base = 10) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
  out->append(digits.data(), end);
}

bool EndsALine(unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; }

void AppendValue(std::string_view value, std::string* out) {
  const size_t start = out->size();
  out->append(value);
  unsigned bad = 0;
  for (const char c : value) bad |= EndsALine(static_cast<unsigned char>(c)) ? 1U : 0U;
  if (bad == 0) return;
  std::replace_if(
      out->begin() + static_cast<ptrdiff_t>(start), out->end(),
      [](char c) { return EndsALine(static_cast<unsigned char>(c)); }, ' ');
}

}  // namespace

std::string_view ReasonPhrase(int status) {
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Status";
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

std::string_view DateText::Now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != second_ || text_.empty()) {
    second_ = now.tv_sec;
    text_ = FormatHttpDate(second_);
  }
  return text_;
}

void RequestIds::Next(std::string* id) {
  constexpr size_t kIdBytes = 16;
  constexpr size_t kBatchBytes = 256 * kIdBytes;  // one system call for so many ids
  constexpr char kHex[] = "0123456789abcdef";
  if (used_ + kIdBytes > random_.size()) {
    random_ = RandomBytes(kBatchBytes);
    used_ = 0;
  }
  id->resize(2 * kIdBytes);
  for (size_t i = 0; i < kIdBytes; ++i) {
    const auto byte = static_cast<unsigned char>(random_[used_ + i]);
    (*id)[2 * i] = kHex[byte >> 4];
    (*id)[2 * i + 1] = kHex[byte & 15];
  }
  used_ += kIdBytes;
}

void AppendResponseHead(int status, const Headers& headers, const ResponseFraming& framing,
                        std::string_view date, std::string_view request_id, std::string* out) {
  size_t size = 512;  // the status line, the server's own fields and the numbers
  for (const auto& [name, value] : headers.fields()) size += name.size() + value.size() + 4;
  out->reserve(out->size() + size);
  out->append("HTTP/1.1 ");
  AppendNumber(static_cast<uint64_t>(std::clamp(status, 100, 999)), out);
  out->push_back(' ');
  out->append(ReasonPhrase(status));
  out->append("\r\nServer: hodei\r\nDate: ");
  out->append(date);
  out->append("\r\nX-Request-Id: ");
  out->append(request_id);
  out->append("\r\nX-Content-Type-Options: nosniff\r\n");
  for (const auto& [name, value] : headers.fields()) {
    if (!IsToken(name) || IsServerField(name)) continue;
    out->append(name);
    out->append(": ");
    AppendValue(value, out);
    out->append("\r\n");
  }
  if (framing.content_length) {
    out->append("Content-Length: ");
    AppendNumber(*framing.content_length, out);
    out->append("\r\n");
  }
  if (framing.chunked) out->append("Transfer-Encoding: chunked\r\n");
  if (framing.close) {
    out->append("Connection: close\r\n");
  } else if (framing.http_1_0_keep_alive) {
    out->append("Connection: keep-alive\r\n");
  }
  out->append("\r\n");
}

void AppendChunkSize(uint64_t size, std::string* out) {
  AppendNumber(size, out, 16);
  out->append("\r\n");
}

}  // namespace hodei::net
