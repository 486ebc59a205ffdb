#include "net/http_parser.h"

#include <array>
#include <cstring>
#include <limits>

namespace hodei::net {
namespace {

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = MakeTokenTable();

// Visible ASCII without '#', which has no place in a request target.
bool IsTargetByte(unsigned char c) { return c > 0x20 && c < 0x7f && c != '#'; }
bool IsValueByte(unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// True when the comma-separated `list` holds `token`, compared without case.
bool ListHas(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    if (EqualsIgnoreCase(TrimSpace(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  return false;
}

// Digits only, no sign, no list, no overflow.
std::optional<uint64_t> ParseLength(std::string_view text) {
  if (text.empty() || text.size() > 19) return std::nullopt;
  uint64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
  return value;
}

bool IsHost(std::string_view host) {
  for (unsigned char c : host) {
    if (!IsTargetByte(c) || std::strchr("/\\@?<>\"{}|^`,", c) != nullptr) return false;
  }
  return true;
}

// Takes one line off `rest`, which ends in CRLF. HeadScanner has checked every line end.
std::string_view TakeLine(std::string_view* rest) {
  const size_t lf = rest->find('\n');
  const std::string_view line = rest->substr(0, lf - 1);
  rest->remove_prefix(lf + 1);
  return line;
}

struct Field {
  std::string_view name;
  std::string_view value;
};

// Splits and checks one field line; null name when it is malformed.
std::optional<Field> ParseField(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const Field field{line.substr(0, colon), TrimSpace(line.substr(colon + 1))};
  if (!IsToken(field.name)) return std::nullopt;
  for (unsigned char c : field.value) {
    if (!IsValueByte(c)) return std::nullopt;
  }
  return field;
}

constexpr char kNotChunked[] = "Transfer-Encoding is not 'chunked'";

// What the framing fields of a message say, requests and responses alike.
struct Framing {
  bool has_length = false;
  bool has_coding = false;
  bool close = false;
  bool keep_alive = false;
  bool identity = false;  // the one coding that the message named
  std::optional<uint64_t> length;
  const char* error = nullptr;

  void See(const Field& field) {
    switch (field.name.size()) {
      case 10:
        if (!EqualsIgnoreCase(field.name, "connection")) return;
        close = close || ListHas(field.value, "close");
        keep_alive = keep_alive || ListHas(field.value, "keep-alive");
        return;
      case 14:
        if (!EqualsIgnoreCase(field.name, "content-length")) return;
        if (has_length) error = "repeated Content-Length";
        has_length = true;
        length = ParseLength(field.value);
        if (!length) error = "bad Content-Length";
        return;
      case 17:
        if (!EqualsIgnoreCase(field.name, "transfer-encoding")) return;
        if (has_coding) error = "repeated Transfer-Encoding";
        has_coding = true;
        identity = EqualsIgnoreCase(field.value, "identity");
        if (!identity && !EqualsIgnoreCase(field.value, "chunked")) error = kNotChunked;
        return;
      default:
        return;
    }
  }
};

RequestFraming Refuse(int http_status, const char* message) {
  RequestFraming framing;
  framing.http_status = http_status;
  framing.message = message;
  framing.keep_alive = false;
  return framing;
}

// Sets target and, for the absolute form, host. False when the target is malformed.
bool SetTarget(std::string_view target, RequestHead* head) {
  for (unsigned char c : target) {
    if (!IsTargetByte(c)) return false;
  }
  if (target.front() == '/' || (target == "*" && head->method == "OPTIONS")) {
    head->target.assign(target);
    return true;
  }
  size_t scheme_end = 0;
  if (target.size() > 7 && EqualsIgnoreCase(target.substr(0, 7), "http://")) {
    scheme_end = 7;
  } else if (target.size() > 8 && EqualsIgnoreCase(target.substr(0, 8), "https://")) {
    scheme_end = 8;
  } else {
    return false;
  }
  const std::string_view after = target.substr(scheme_end);
  const size_t authority_end = std::min(after.find_first_of("/?"), after.size());
  const std::string_view authority = after.substr(0, authority_end);
  if (authority.empty() || !IsHost(authority)) return false;
  head->host.assign(authority);
  head->target.clear();
  if (authority_end == after.size() || after[authority_end] == '?') head->target.push_back('/');
  head->target.append(after.substr(authority_end));
  return true;
}

// "METHOD SP target SP HTTP/1.x". On success http_status is 0 and host is set for absolute forms.
RequestFraming ParseRequestLine(std::string_view line, const HeadLimits& limits,
                                RequestHead* head) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Refuse(400, "bad request line");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!IsToken(method) || method.size() > 32) return Refuse(400, "bad method");
  if (target.empty()) return Refuse(400, "bad request target");
  if (target.size() > limits.target_bytes) return Refuse(414, "the request target is too long");
  RequestFraming framing;
  if (version == "HTTP/1.0") {
    framing.http_1_0 = true;
  } else if (version != "HTTP/1.1") {
    const bool other = version.size() >= 6 && version.substr(0, 5) == "HTTP/";
    return other ? Refuse(505, "this server speaks HTTP/1.1") : Refuse(400, "bad request line");
  }
  head->method.assign(method);
  if (!SetTarget(target, head)) return Refuse(400, "bad request target");
  return framing;
}

RequestFraming FinishRequest(RequestFraming framing, const HeadLimits& limits, const Framing& seen,
                             int hosts, bool bad_expectation, RequestHead* head) {
  if (seen.error != nullptr) return Refuse(400, seen.error);
  const bool coded = seen.has_coding && !seen.identity;
  if (seen.identity && (!limits.direct_client || seen.length != 0)) {
    return Refuse(400, kNotChunked);
  }
  const bool both = seen.has_length && coded;
  if (both && !limits.direct_client) {
    return Refuse(400, "both Content-Length and Transfer-Encoding");
  }
  if (seen.has_coding && framing.http_1_0) return Refuse(400, "Transfer-Encoding in HTTP/1.0");
  if (hosts > 1 || (hosts == 0 && !framing.http_1_0)) {
    return Refuse(400, hosts > 1 ? "repeated Host" : "Host is missing");
  }
  if (bad_expectation) return Refuse(417, "only 100-continue can be expected");
  framing.keep_alive = framing.http_1_0 ? seen.keep_alive && !seen.close : !seen.close;
  framing.keep_alive = framing.keep_alive && !both;
  framing.chunked = coded;
  framing.expect_continue = framing.expect_continue && !framing.http_1_0;
  if (!coded) head->content_length = seen.length;
  if (both) head->headers.Remove("Content-Length");
  head->has_body = framing.chunked || seen.length.value_or(0) > 0;
  return framing;
}

}  // namespace

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && Lower(a[i]) != Lower(b[i])) return false;
  }
  return true;
}

bool IsToken(std::string_view text) {
  for (unsigned char c : text) {
    if (!kToken[c]) return false;
  }
  return !text.empty();
}

ParseState HeadScanner::Fail(int http_status, const char* message) {
  http_status_ = http_status;
  message_ = message;
  return ParseState::kError;
}

ParseState HeadScanner::Scan(std::string_view bytes) {
  constexpr int kEmptyLinesBefore = 4;     // some clients send a CRLF after a body (RFC 9112, 2.2)
  constexpr size_t kRequestLineRest = 64;  // method, spaces and version beside the target
  while (scanned_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
    if (found == nullptr) {
      scanned_ = bytes.size();
      break;
    }
    const size_t lf = static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
    scanned_ = lf + 1;
    if (lf == line_start_ || bytes[lf - 1] != '\r') return Fail(400, "a line without CRLF");
    const bool empty = lf == line_start_ + 1;
    const bool before = line_start_ == begin_;
    line_start_ = lf + 1;
    if (empty && before) {
      if (++empty_lines_ > kEmptyLinesBefore) return Fail(400, "bad request line");
      begin_ = lf + 1;
    } else if (lf + 1 - begin_ > limits_.head_bytes) {
      return Fail(431, "the request's header fields are too large");
    } else if (empty) {
      end_ = lf + 1;
      return ParseState::kDone;
    }
  }
  if (line_start_ == begin_ && bytes.size() - begin_ > limits_.target_bytes + kRequestLineRest) {
    return Fail(414, "the request target is too long");
  }
  if (bytes.size() - begin_ > limits_.head_bytes) {
    return Fail(431, "the request's header fields are too large");
  }
  return ParseState::kNeedMore;
}

RequestFraming ParseRequestHead(std::string_view bytes, const HeadLimits& limits,
                                RequestHead* head) {
  head->headers.Clear();
  head->host.clear();
  head->content_length.reset();
  head->has_body = false;
  RequestFraming framing = ParseRequestLine(TakeLine(&bytes), limits, head);
  if (framing.http_status != 0) return framing;
  const bool absolute = !head->host.empty();
  Framing seen;
  int hosts = 0;
  bool bad_expectation = false;
  size_t fields = 0;
  while (true) {
    const std::string_view line = TakeLine(&bytes);
    if (line.empty()) break;
    if (++fields > limits.fields) return Refuse(431, "too many header fields");
    const std::optional<Field> field = ParseField(line);
    if (!field) return Refuse(400, "bad header field");
    seen.See(*field);
    if (field->name.size() == 4 && EqualsIgnoreCase(field->name, "host")) {
      ++hosts;
      if (!IsHost(field->value)) return Refuse(400, "bad Host");
      if (!absolute) head->host.assign(field->value);
    } else if (field->name.size() == 6 && EqualsIgnoreCase(field->name, "expect")) {
      framing.expect_continue = EqualsIgnoreCase(field->value, "100-continue");
      bad_expectation = bad_expectation || !framing.expect_continue;
    }
    head->headers.Add(std::string(field->name), std::string(field->value));
  }
  return FinishRequest(framing, limits, seen, hosts, bad_expectation, head);
}

bool ParseResponseHead(std::string_view bytes, const HeadLimits& limits, ResponseHead* head) {
  *head = ResponseHead();
  const std::string_view line = TakeLine(&bytes);
  if (line.size() < 12 || (line.substr(0, 9) != "HTTP/1.1 " && line.substr(0, 9) != "HTTP/1.0 ")) {
    return false;
  }
  for (char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return false;
    head->status = head->status * 10 + (c - '0');
  }
  if (head->status < 100 || (line.size() > 12 && line[12] != ' ')) return false;
  Framing seen;
  size_t fields = 0;
  while (true) {
    const std::string_view field_line = TakeLine(&bytes);
    if (field_line.empty()) break;
    const std::optional<Field> field = ParseField(field_line);
    if (!field || ++fields > limits.fields) return false;
    seen.See(*field);
    head->headers.Add(std::string(field->name), std::string(field->value));
  }
  if (seen.error != nullptr || (seen.has_length && seen.has_coding) || seen.identity) {
    return false;
  }
  head->content_length = seen.length;
  head->chunked = seen.has_coding;
  head->keep_alive = line[7] == '1' ? !seen.close : seen.keep_alive && !seen.close;
  return true;
}

ChunkDecoder::Step ChunkDecoder::Decode(char* data, size_t size) {
  Step step;
  while (step.consumed < size && at_ != At::kEnd) {
    if (at_ == At::kData) {
      const size_t n = static_cast<size_t>(std::min<uint64_t>(size_, size - step.consumed));
      std::memmove(data + step.produced, data + step.consumed, n);
      step.produced += n;
      step.consumed += n;
      size_ -= n;
      if (size_ == 0) at_ = At::kDataCr;
      continue;
    }
    step.message = Take(data[step.consumed]);
    if (step.message != nullptr) {
      step.state = ParseState::kError;
      return step;
    }
    ++step.consumed;
  }
  step.message = "";
  if (at_ == At::kEnd) step.state = ParseState::kDone;
  return step;
}

const char* ChunkDecoder::Take(char byte) {
  switch (at_) {
    case At::kSize:
      return TakeSize(byte);
    case At::kExtension:
      if (++line_bytes_ > kLineLimitBytes) return "a chunk's extension is too long";
      if (byte == '\r') {
        at_ = At::kSizeLf;
      } else if (!IsValueByte(static_cast<unsigned char>(byte))) {
        return "bad chunk extension";
      }
      return nullptr;
    case At::kSizeLf:
      if (byte != '\n') return "a chunk's size line does not end in CRLF";
      EndSizeLine();
      return nullptr;
    case At::kDataCr:
      if (byte != '\r') return "a chunk is longer than its size";
      at_ = At::kDataLf;
      return nullptr;
    case At::kDataLf:
      if (byte != '\n') return "a chunk does not end in CRLF";
      at_ = At::kSize;
      return nullptr;
    case At::kTrailer:
    case At::kTrailerLf:
      return TakeTrailer(byte);
    case At::kData:
    case At::kEnd:
      break;
  }
  return nullptr;
}

const char* ChunkDecoder::TakeSize(char byte) {
  constexpr int kMaxDigits = 15;  // 60 bits: cannot overflow
  ++line_bytes_;
  int digit = -1;
  if (byte >= '0' && byte <= '9') digit = byte - '0';
  if (Lower(byte) >= 'a' && Lower(byte) <= 'f') digit = Lower(byte) - 'a' + 10;
  if (digit >= 0) {
    if (++digits_ > kMaxDigits) return "a chunk's size is too large";
    size_ = size_ * 16 + static_cast<uint64_t>(digit);
    return nullptr;
  }
  if (digits_ == 0) return "a chunk's size is missing";
  if (byte == ';') {
    at_ = At::kExtension;
  } else if (byte == '\r') {
    at_ = At::kSizeLf;
  } else {
    return "bad chunk size";
  }
  return nullptr;
}

void ChunkDecoder::EndSizeLine() {
  at_ = size_ == 0 ? At::kTrailer : At::kData;
  digits_ = 0;
  line_bytes_ = 0;
}

const char* ChunkDecoder::TakeTrailer(char byte) {
  if (++trailer_bytes_ > kTrailersLimitBytes) return "the trailers are too large";
  if (at_ == At::kTrailerLf) {
    if (byte != '\n') return "a trailer does not end in CRLF";
    if (trailer_line_bytes_ == 0) {
      at_ = At::kEnd;
      return nullptr;
    }
    if (!trailer_has_colon_) return "bad trailer";
    at_ = At::kTrailer;
    trailer_line_bytes_ = 0;
    trailer_has_colon_ = false;
    return nullptr;
  }
  if (byte == '\r') {
    at_ = At::kTrailerLf;
    return nullptr;
  }
  const auto c = static_cast<unsigned char>(byte);
  if (byte == ':' && trailer_line_bytes_ > 0) trailer_has_colon_ = true;
  if (trailer_has_colon_ ? !IsValueByte(c) : !kToken[c]) return "bad trailer";
  ++trailer_line_bytes_;
  return nullptr;
}

}  // namespace hodei::net
