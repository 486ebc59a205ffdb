// The --filter language, applied by the command itself: terms "key:text", "key=value", "key!=…",
// "key<…", "<=", ">", ">=", "key~regex", "key!~regex", lists "key=(a b)", joined by AND, OR, NOT,
// "-" and parentheses. Words next to each other are AND.
#pragma once

#include <memory>
#include <string_view>

#include "base/status.h"
#include "cli/output/json.h"

namespace hodei::cli {

class Filter {
 public:
  // INVALID_ARGUMENT with the position of the mistake. At most kLimitBytes of text and kLimitDepth
  // nested parentheses.
  static Result<Filter> Parse(std::string_view text);
  bool Matches(const Json& item) const;

  static constexpr size_t kLimitBytes = 16 * 1024;
  static constexpr int kLimitDepth = 50;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;  // shared: a Filter is a value and its nodes never change
};

}  // namespace hodei::cli
