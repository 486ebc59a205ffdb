// The filter of list methods over models, versions and operations: "name:census*",
// "state:READY AND labels.team=ml". Pure, for hostile input.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::models {

inline constexpr size_t kListFilterMaxBytes = 2048;
inline constexpr size_t kListFilterMaxTerms = 32;

class ListFilter {
 public:
  // Terms FIELD:VALUE or FIELD=VALUE, joined by AND, NOT before a term. FIELD is one of `fields`,
  // or labels.KEY when they hold "labels"; VALUE a word or a quoted text, with '*' at the end of a
  // word for "starts with". An empty filter matches all. InvalidField("filter", …) says what is
  // wrong.
  static Result<ListFilter> Parse(std::string_view text,
                                  const std::vector<std::string_view>& fields);
  // `value_of("state")`, `value_of("labels.KEY")`: nullopt when the resource has no such value.
  using ValueOf = std::function<std::optional<std::string>(std::string_view field)>;
  bool Matches(const ValueOf& value_of) const;
  bool empty() const { return terms_.empty(); }

 private:
  struct Term {
    std::string field;
    std::string value;
    bool prefix = false;
    bool negated = false;
  };
  std::vector<Term> terms_;
};

}  // namespace hodei::models
