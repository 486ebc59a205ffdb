#include "wire/rest/path_template.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"

namespace hodei::wire::rest {
namespace {

// "/a/b" → {"a", "b"}; views into `path`.
std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> parts;
  if (path.starts_with('/')) path.remove_prefix(1);
  while (true) {
    const size_t slash = path.find('/');
    parts.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return parts;
    path.remove_prefix(slash + 1);
  }
}

PathSegment ParseSegment(std::string_view text) {
  if (text == "*") return {PathSegment::Kind::kOne, ""};
  if (text == "**") return {PathSegment::Kind::kRest, ""};
  return {PathSegment::Kind::kLiteral, std::string(text)};
}

// `raw_path` without ":verb" at its end; false when it does not end so.
bool TakeVerb(std::string_view verb, std::string_view* raw_path) {
  if (verb.empty()) return true;
  if (!raw_path->ends_with(verb)) return false;
  raw_path->remove_suffix(verb.size());
  if (!raw_path->ends_with(':')) return false;
  raw_path->remove_suffix(1);
  return true;
}

Result<std::string> DecodeSegment(std::string_view raw) {
  ASSIGN_OR_RETURN(std::string text, PercentDecode(raw));
  const bool control =
      std::any_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; });
  if (text.empty() || control || !IsValidUtf8(text)) {
    return InvalidArgument("Invalid resource name in the path.");
  }
  return text;
}

// Keeps a decoded segment one segment.
std::string Requote(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '/') {
      out += "%2F";
    } else if (c == '%') {
      out += "%25";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Result<PathTemplate> PathTemplate::Parse(std::string_view text) {
  PathTemplate result;
  result.text_ = text;
  const auto wrong = [&] { return InvalidArgument(fmt::format("path template '{}'", text)); };
  if (!text.starts_with('/')) return wrong();
  std::string_view rest = text.substr(1);
  // ':' belongs to the verb only after the last '}' and '/'.
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos &&
      rest.find_first_of("/}", colon) == std::string_view::npos) {
    result.verb_ = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  while (!rest.empty()) {
    if (rest.starts_with('{')) {
      const size_t close = rest.find('}');
      if (close == std::string_view::npos) return wrong();
      std::string_view inside = rest.substr(1, close - 1);
      const size_t equals = inside.find('=');
      PathVariable variable{std::string(inside.substr(0, equals)), result.segments_.size(), 0};
      const std::string_view shape =
          equals == std::string_view::npos ? "*" : inside.substr(equals + 1);
      for (std::string_view part : Split(shape)) result.segments_.push_back(ParseSegment(part));
      variable.end = result.segments_.size();
      result.variables_.push_back(std::move(variable));
      rest.remove_prefix(close + 1);
    } else {
      const size_t slash = rest.find('/');
      result.segments_.push_back(ParseSegment(rest.substr(0, slash)));
      rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash);
    }
    if (rest.empty()) break;
    if (!rest.starts_with('/') || rest.size() == 1) return wrong();
    rest.remove_prefix(1);
  }
  for (size_t i = 0; i < result.segments_.size(); ++i) {
    const PathSegment& segment = result.segments_[i];
    const bool rest_early =
        segment.kind == PathSegment::Kind::kRest && i + 1 != result.segments_.size();
    const bool empty = segment.kind == PathSegment::Kind::kLiteral && segment.literal.empty();
    if (rest_early || empty) return wrong();
  }
  if (result.segments_.empty()) return wrong();
  return result;
}

bool PathTemplate::Matches(std::string_view raw_path) const {
  if (!raw_path.starts_with('/') || !TakeVerb(verb_, &raw_path)) return false;
  raw_path.remove_prefix(1);
  for (size_t i = 0; i < segments_.size(); ++i) {
    const PathSegment& segment = segments_[i];
    if (segment.kind == PathSegment::Kind::kRest) return !raw_path.empty();
    const size_t slash = raw_path.find('/');
    const std::string_view part = raw_path.substr(0, slash);
    const bool fits =
        segment.kind == PathSegment::Kind::kOne ? !part.empty() : part == segment.literal;
    if (!fits) return false;
    const bool last = slash == std::string_view::npos;
    if (last != (i + 1 == segments_.size())) return false;
    if (!last) raw_path.remove_prefix(slash + 1);
    // "/a/" does not end with a segment; "a/**" needs one.
  }
  return true;
}

Result<std::vector<Binding>> PathTemplate::Bind(std::string_view raw_path) const {
  TakeVerb(verb_, &raw_path);
  const std::vector<std::string_view> parts = Split(raw_path);
  std::vector<Binding> bindings;
  for (const PathVariable& variable : variables_) {
    const bool to_end = segments_[variable.end - 1].kind == PathSegment::Kind::kRest;
    const size_t end = to_end ? parts.size() : variable.end;
    const bool several = to_end || variable.end - variable.begin > 1;
    std::string value;
    for (size_t i = variable.begin; i < end; ++i) {
      ASSIGN_OR_RETURN(std::string text, DecodeSegment(parts[i]));
      if (i != variable.begin) value += '/';
      value += several ? Requote(text) : text;
    }
    bindings.push_back({variable.field, std::move(value)});
  }
  return bindings;
}

size_t PathTemplate::literal_count() const {
  return std::count_if(segments_.begin(), segments_.end(), [](const PathSegment& segment) {
    return segment.kind == PathSegment::Kind::kLiteral;
  });
}

bool PathTemplate::SameShape(const PathTemplate& other) const {
  return segments_ == other.segments_ && verb_ == other.verb_;
}

}  // namespace hodei::wire::rest
