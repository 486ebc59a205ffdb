// The `fields` query parameter, a partial response: "nextPageToken,jobs(jobId,state)",
// "items/metadata/*", "*".
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::wire {

// A value; immutable after Parse().
class FieldSelection {
 public:
  static constexpr int kDepthLimit = 16;
  static constexpr int kNameLimit = 512;

  // INVALID_ARGUMENT names the whole text. Empty text selects everything.
  static Result<FieldSelection> Parse(std::string_view text);

  // True when everything below is wanted.
  bool all() const { return children_.empty(); }
  // The selection for the field of this JSON name (or .proto name), or null when it is not wanted.
  const FieldSelection* Child(std::string_view json_name, std::string_view proto_name) const;

 private:
  friend class SelectionParser;
  std::map<std::string, FieldSelection, std::less<>> children_;
};

}  // namespace hodei::wire
