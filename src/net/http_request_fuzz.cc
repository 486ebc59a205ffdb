// A request as a connection reads it: scanned in pieces, parsed, its body decoded. Whatever the
// cuts, the outcome must be the same, and what is accepted must hold the parser's promises.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "net/http_parser.h"

namespace hodei::net {
namespace {

void Check(bool promise) {
  if (!promise) std::abort();
}

struct Outcome {
  ParseState state = ParseState::kNeedMore;
  size_t begin = 0;
  size_t end = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome Scan(std::string_view bytes, size_t step, const HeadLimits& limits) {
  HeadScanner scanner(limits);
  Outcome outcome;
  for (size_t size = std::min(step, bytes.size());; size = std::min(size + step, bytes.size())) {
    outcome.state = scanner.Scan(bytes.substr(0, size));
    if (outcome.state != ParseState::kNeedMore || size == bytes.size()) break;
  }
  if (outcome.state == ParseState::kDone) {
    outcome.begin = scanner.begin();
    outcome.end = scanner.end();
    Check(outcome.end - outcome.begin <= limits.head_bytes && outcome.end <= bytes.size());
  }
  return outcome;
}

// The decoded body, or "!" when it is malformed.
std::string Decode(std::string_view bytes, size_t step) {
  ChunkDecoder decoder;
  std::string body = "=";
  while (!bytes.empty()) {
    std::string piece(bytes.substr(0, step));
    const ChunkDecoder::Step done = decoder.Decode(piece.data(), piece.size());
    Check(done.produced <= done.consumed && done.consumed <= piece.size());
    if (done.state == ParseState::kError) return "!";
    body.append(piece, 0, done.produced);
    bytes.remove_prefix(done.consumed);
    if (done.state == ParseState::kDone) return body + "." + std::to_string(bytes.size());
  }
  return body;
}

}  // namespace
}  // namespace hodei::net

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::net;  // NOLINT
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  HeadLimits limits;
  limits.head_bytes = 4096;
  limits.target_bytes = 1024;
  limits.fields = 32;
  const Outcome whole = Scan(bytes, bytes.size() + 1, limits);
  // An error may be found sooner or later, depending on the cuts, but a head never differs.
  const Outcome pieces = Scan(bytes, 1 + size % 7, limits);
  if (whole.state == ParseState::kDone && pieces.state == ParseState::kDone) {
    Check(whole == pieces);
  }
  if (whole.state != ParseState::kDone) return 0;
  RequestHead head;
  const std::string_view text = bytes.substr(whole.begin, whole.end - whole.begin);
  const RequestFraming framing = ParseRequestHead(text, limits, &head);
  ResponseHead response;
  (void)ParseResponseHead(text, limits, &response);
  if (framing.http_status != 0) return 0;
  Check(IsToken(head.method) && !head.target.empty());
  Check(head.target.find_first_of(std::string_view("\0 \r\n", 4)) == std::string::npos);
  Check(!(framing.chunked && head.content_length));
  Check(head.has_body == (framing.chunked || head.content_length.value_or(0) > 0));
  Check(head.headers.fields().size() <= limits.fields);
  for (const auto& [name, value] : head.headers.fields()) {
    Check(IsToken(name) && value.find_first_of(std::string_view("\0\r\n", 3)) == std::string::npos);
  }
  const std::string_view rest = bytes.substr(whole.end);
  const std::string body = Decode(rest, rest.size() + 1);
  Check(body == Decode(rest, 1));
  Check(body == Decode(rest, 1 + size % 5));
  return 0;
}
