#include "wire/gcs/content_range.h"

#include <algorithm>

#include "wire/gcs/query.h"

namespace hodei::wire::gcs {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool TakeUnit(std::string_view* text, char separator) {
  constexpr std::string_view kBytes = "bytes";
  if (!text->starts_with(kBytes)) return false;
  *text = text->substr(kBytes.size());
  if (text->empty() || (text->front() != separator && text->front() != ' ')) return false;
  text->remove_prefix(1);
  *text = Trim(*text);
  return true;
}

// Digits only: no sign, no space.
std::optional<uint64_t> Digits(std::string_view text) {
  if (text.empty() ||
      !std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  return ParseUint64(text);
}

}  // namespace

Result<UploadRange> ParseUploadRange(std::string_view header) {
  const auto bad = [] {
    return InvalidArgument("Failed to parse Content-Range header.").WithReason("badRequest");
  };
  UploadRange out;
  std::string_view text = Trim(header);
  if (text.empty()) return out;
  if (!TakeUnit(&text, ' ')) return bad();
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return bad();
  const std::string_view total = text.substr(slash + 1);
  const std::string_view range = text.substr(0, slash);
  if (total != "*") {
    out.total = Digits(total);
    if (!out.total) return bad();
  }
  if (range == "*") {
    out.kind = UploadRange::Kind::kQuery;
    return out;
  }
  const size_t dash = range.find('-');
  if (dash == std::string_view::npos) return bad();
  const std::optional<uint64_t> first = Digits(range.substr(0, dash));
  if (!first) return bad();
  out.first = *first;
  if (range.substr(dash + 1) == "*") {
    if (out.total && out.first > *out.total) return bad();
    out.kind = UploadRange::Kind::kOpenEnd;
    return out;
  }
  const std::optional<uint64_t> last = Digits(range.substr(dash + 1));
  if (!last || *last < out.first || *last == UINT64_MAX) return bad();
  if (out.total && *last >= *out.total) return bad();
  out.kind = UploadRange::Kind::kChunk;
  out.last = *last;
  return out;
}

DownloadRange ParseDownloadRange(std::string_view header, uint64_t size) {
  const DownloadRange whole{DownloadRange::Kind::kWhole, 0, size};
  std::string_view text = Trim(header);
  if (text.empty() || !TakeUnit(&text, '=')) return whole;
  if (text.find(',') != std::string_view::npos) return whole;
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return whole;
  const std::string_view from = Trim(text.substr(0, dash));
  const std::string_view to = Trim(text.substr(dash + 1));
  const auto digits_only = [](std::string_view t) {
    return std::all_of(t.begin(), t.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  if (!digits_only(from) || !digits_only(to) || (from.empty() && to.empty())) return whole;
  // A number past 2^64 is larger than any size.
  const uint64_t last = to.empty() ? UINT64_MAX : Digits(to).value_or(UINT64_MAX);
  if (from.empty()) {
    if (last == 0 || size == 0) return {DownloadRange::Kind::kUnsatisfiable, 0, 0};
    const uint64_t length = std::min(last, size);
    return {DownloadRange::Kind::kPart, size - length, length};
  }
  const uint64_t first = Digits(from).value_or(UINT64_MAX);
  if (!to.empty() && first > last) return whole;
  if (first >= size) return {DownloadRange::Kind::kUnsatisfiable, 0, 0};
  return {DownloadRange::Kind::kPart, first, std::min(last, size - 1) - first + 1};
}

}  // namespace hodei::wire::gcs
