// "/v1/{name=projects/*/jobs/*}:cancel": the paths of a route, matched against the raw path of a
// request. Paths are cut before they are decoded, decoded exactly once, and never normalised, so
// what is one segment on the wire stays one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::wire::rest {

struct PathSegment {
  enum class Kind { kLiteral, kOne /* '*' */, kRest /* '**', one or more */ };
  Kind kind = Kind::kLiteral;
  std::string literal;
  bool operator==(const PathSegment&) const = default;
};

// The segments [begin, end) fill this request field.
struct PathVariable {
  std::string field;  // dotted .proto names: "name", "job.name"
  size_t begin = 0;
  size_t end = 0;
};

struct Binding {
  std::string field;
  std::string value;
};

class PathTemplate {
 public:
  // INVALID_ARGUMENT when `text` is not a template; "**" may only come last.
  static Result<PathTemplate> Parse(std::string_view text);

  // True when `raw_path` (still encoded, without query) has this shape. Literals compare with the
  // encoded bytes: nothing that we route on needs escapes.
  bool Matches(std::string_view raw_path) const;

  // The fields that a matching path fills. A variable of one segment is its decoded text. In a
  // variable of several, '/' and '%' inside a segment stay encoded: "projects/a%2Fb/jobs/c" names
  // project "a%2Fb", never project "a". INVALID_ARGUMENT for bad escapes, bytes that are not UTF-8,
  // control characters and empty segments.
  Result<std::vector<Binding>> Bind(std::string_view raw_path) const;

  const std::string& text() const { return text_; }
  const std::vector<PathSegment>& segments() const { return segments_; }
  const std::vector<PathVariable>& variables() const { return variables_; }
  const std::string& verb() const { return verb_; }  // "cancel", or empty

  // Literal segments; the route with more of them is the more exact one.
  size_t literal_count() const;
  // True when the two match the same paths.
  bool SameShape(const PathTemplate& other) const;

 private:
  std::string text_;
  std::vector<PathSegment> segments_;
  std::vector<PathVariable> variables_;
  std::string verb_;
};

}  // namespace hodei::wire::rest
