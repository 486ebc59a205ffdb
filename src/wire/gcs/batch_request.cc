#include "wire/gcs/batch.h"

namespace hodei::wire::gcs {
namespace {

Status Malformed() {
  return InvalidArgument("Failed to parse batch request, error: malformed part.")
      .WithReason("badRequest");
}

// The text up to a line end, which is taken too. False at the end of the text.
bool TakeLine(std::string_view* text, std::string_view* line) {
  const size_t end = text->find('\n');
  if (end == std::string_view::npos && text->empty()) return false;
  *line = text->substr(0, end);
  *text = end == std::string_view::npos ? std::string_view() : text->substr(end + 1);
  if (!line->empty() && line->back() == '\r') line->remove_suffix(1);
  return true;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<BatchedRequest> ParseBatchedRequest(std::string_view text) {
  BatchedRequest out;
  std::string_view line;
  do {
    if (!TakeLine(&text, &line)) return Malformed();
  } while (line.empty());
  const size_t space = line.find(' ');
  if (space == std::string_view::npos) return Malformed();
  out.head.method = std::string(line.substr(0, space));
  std::string_view target = Trim(line.substr(space + 1));
  if (const size_t version = target.find(' '); version != std::string_view::npos) {
    target = target.substr(0, version);
  }
  if (const size_t scheme = target.find("://");
      scheme != std::string_view::npos && target.find('/') == scheme + 1) {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  if (target.empty() || target.front() != '/') return Malformed();
  out.head.target = std::string(target);
  while (TakeLine(&text, &line) && !line.empty()) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return Malformed();
    out.head.headers.Add(std::string(Trim(line.substr(0, colon))),
                         std::string(Trim(line.substr(colon + 1))));
  }
  out.body = std::string(text);
  return out;
}

}  // namespace hodei::wire::gcs
