#include "wire/gcs/multipart.h"

#include <algorithm>
#include <cctype>

namespace hodei::wire::gcs {
namespace {

constexpr size_t kBoundaryLimit = 256;

Status Malformed(std::string message) {
  return InvalidArgument(std::move(message)).WithReason("badRequest");
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) {
    text.remove_suffix(1);
  }
  return text;
}

// What follows "--boundary" decides whether it is a delimiter.
enum class After { kNeedMore, kNotDelimiter, kNextPart, kClose };

// `rest` begins right after the boundary; `*consumed` is how much of it belongs to the delimiter.
After JudgeDelimiter(std::string_view rest, size_t* consumed) {
  if (rest.starts_with("--")) {
    *consumed = 2;
    return After::kClose;
  }
  if (rest == "-" || rest.empty()) return After::kNeedMore;
  size_t at = 0;
  while (at < rest.size() && (rest[at] == ' ' || rest[at] == '\t')) ++at;
  if (at < rest.size() && rest[at] == '\r') ++at;
  if (at == rest.size()) return at < 256 ? After::kNeedMore : After::kNotDelimiter;
  if (rest[at] != '\n') return After::kNotDelimiter;
  *consumed = at + 1;
  return After::kNextPart;
}

}  // namespace

Result<std::string> ParseBoundary(std::string_view content_type) {
  const std::string lower = Lower(content_type);
  size_t at = 0;
  while (true) {
    at = lower.find("boundary=", at);
    if (at == std::string::npos) return Malformed("Missing boundary in multipart body.");
    if (at > 0 && (lower[at - 1] == ';' || lower[at - 1] == ' ' || lower[at - 1] == '\t')) break;
    ++at;
  }
  std::string_view value = content_type.substr(at + 9);
  if (!value.empty() && (value.front() == '"' || value.front() == '\'')) {
    const size_t end = value.find(value.front(), 1);
    if (end == std::string_view::npos) return Malformed("Bad boundary in multipart body.");
    value = value.substr(1, end - 1);
  } else {
    value = Trim(value.substr(0, value.find(';')));
  }
  if (value.empty() || value.size() > kBoundaryLimit ||
      value.find_first_of("\r\n") != std::string_view::npos) {
    return Malformed("Bad boundary in multipart body.");
  }
  return std::string(value);
}

std::string_view PartHeaders::Get(std::string_view lower_name) const {
  for (const auto& [name, value] : fields) {
    if (name == lower_name) return value;
  }
  return {};
}

MultipartReader::MultipartReader(std::string_view boundary, MultipartSink* sink)
    : dash_boundary_("--" + std::string(boundary)),
      line_delimiter_("\n--" + std::string(boundary)),
      sink_(*sink) {}

Status MultipartReader::Feed(std::string_view bytes) {
  if (state_ == State::kEpilogue) return OkStatus();
  pending_.append(bytes);
  while (true) {
    Result<bool> more = false;
    switch (state_) {
      case State::kPreamble:
        more = TakePreamble();
        break;
      case State::kHeaders:
        more = TakeHeaders();
        break;
      case State::kBody:
        more = TakeBody();
        break;
      case State::kEpilogue:
        pending_.clear();
        return OkStatus();
    }
    RETURN_IF_ERROR(more.status());
    if (!*more) return OkStatus();
  }
}

Status MultipartReader::Finish() const {
  return state_ == State::kEpilogue ? OkStatus()
                                    : Malformed("Missing end boundary in multipart body.");
}

Result<bool> MultipartReader::TakePreamble() {
  size_t consumed = 0;
  size_t at = 0;
  After after = After::kNotDelimiter;
  if (pending_.starts_with(dash_boundary_)) {
    at = dash_boundary_.size();
    after = JudgeDelimiter(std::string_view(pending_).substr(at), &consumed);
  } else if (const size_t found = pending_.find(line_delimiter_); found != std::string::npos) {
    at = found + line_delimiter_.size();
    after = JudgeDelimiter(std::string_view(pending_).substr(at), &consumed);
  }
  if (after == After::kNextPart) {
    crlf_ = consumed >= 2 && pending_[at + consumed - 2] == '\r';
    pending_.erase(0, at + consumed);
    state_ = State::kHeaders;
    headers_ = {};
    header_bytes_ = 0;
    return true;
  }
  if (after == After::kClose) return Malformed("Multipart body without parts.");
  if (pending_.size() > kHeaderLimitBytes) return Malformed("Missing boundary in multipart body.");
  return false;
}

Status MultipartReader::AddHeaderLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos) return Malformed("Bad header in multipart body.");
  headers_.fields.emplace_back(Lower(Trim(line.substr(0, colon))),
                               std::string(Trim(line.substr(colon + 1))));
  return OkStatus();
}

Result<bool> MultipartReader::TakeHeaders() {
  const size_t end = pending_.find('\n');
  if (end == std::string::npos) {
    if (header_bytes_ + pending_.size() > kHeaderLimitBytes) {
      return Malformed("Part headers are too large.");
    }
    return false;
  }
  header_bytes_ += end + 1;
  if (header_bytes_ > kHeaderLimitBytes) return Malformed("Part headers are too large.");
  std::string_view line(pending_.data(), end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (!line.empty()) {
    RETURN_IF_ERROR(AddHeaderLine(line));
    pending_.erase(0, end + 1);
    return true;
  }
  pending_.erase(0, end + 1);
  state_ = State::kBody;
  RETURN_IF_ERROR(sink_.BeginPart(headers_));
  // A delimiter may follow at once; the line break it needs is the one just taken.
  pending_.insert(0, "\n");
  searched_ = 0;
  return true;
}

Result<bool> MultipartReader::TakeBody() {
  // pending_ begins with one byte that is already delivered (or the made-up line break): "\n" of a
  // delimiter may be that byte.
  const std::string_view all = pending_;
  size_t found = all.find(line_delimiter_, searched_);
  while (found != std::string_view::npos) {
    size_t consumed = 0;
    const size_t after_boundary = found + line_delimiter_.size();
    const After after = JudgeDelimiter(all.substr(after_boundary), &consumed);
    if (after == After::kNotDelimiter) {
      found = all.find(line_delimiter_, found + 1);
      continue;
    }
    size_t data_end = found;
    if (crlf_ && data_end > 1 && all[data_end - 1] == '\r') --data_end;
    if (data_end > 1) RETURN_IF_ERROR(sink_.PartBytes(all.substr(1, data_end - 1)));
    if (after == After::kNeedMore) {
      // Keep the line break too: it is data when this turns out not to be a delimiter.
      if (data_end > 1) pending_.erase(1, data_end - 1);
      searched_ = 0;
      return false;
    }
    RETURN_IF_ERROR(sink_.EndPart());
    pending_.erase(0, after_boundary + consumed);
    state_ = after == After::kClose ? State::kEpilogue : State::kHeaders;
    headers_ = {};
    header_bytes_ = 0;
    return true;
  }
  // What could still be the beginning of a delimiter stays, with the byte before it for a CR.
  const size_t keep = line_delimiter_.size() + 1;
  if (all.size() > keep + 1) {
    const size_t deliver = all.size() - keep;
    RETURN_IF_ERROR(sink_.PartBytes(all.substr(1, deliver - 1)));
    pending_.erase(0, deliver - 1);
  }
  searched_ = 0;
  return false;
}

}  // namespace hodei::wire::gcs
