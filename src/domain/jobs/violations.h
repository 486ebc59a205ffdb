// Collects what is wrong with a request, all of it, in the ml service's wording.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::jobs {

// At most so many are told; a client that sends thousands of wrong labels needs no more.
inline constexpr size_t kViolationsMax = 20;

class Violations {
 public:
  // `field` in snake case from the training input on: "scheduling.priority".
  void Add(std::string field, std::string description);
  // Something that is well formed but that this server does not do.
  void AddUnsupported(std::string field, std::string description);
  bool empty() const { return violations_.empty() && unsupported_.empty(); }
  // INVALID_ARGUMENT "Field: a Error: x Field: b Error: y"; without any, UNIMPLEMENTED in the same
  // wording for what is unsupported; OK when there is nothing.
  Status ToStatus() const;

 private:
  std::vector<FieldViolation> violations_;
  std::vector<FieldViolation> unsupported_;
};

}  // namespace hodei::jobs
