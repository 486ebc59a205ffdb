// The Logging query language as gcloud and people write it, parsed once, evaluated per entry.
//
//   resource.type="ml_job" AND (severity>=WARNING OR textPayload:"loss") AND timestamp>="2024-…"
//
// AND, OR, NOT, "-", parentheses, juxtaposition as AND; comparisons = != < <= > >= : =~ !~ with
// `field=(a OR b)`; bare words search every text field without case. Regular expressions are RE2:
// linear time whatever is written (threat T36). Grammar:
// https://cloud.google.com/logging/docs/view/logging-query-language
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "store/log/severity.h"

namespace hodei::store {

// What a filter may ask about an entry. Views are valid during the call.
class FilterSubject {
 public:
  virtual ~FilterSubject() = default;
  // The value of a field path ("resource.labels.job_id", "jsonPayload.message"); absent if none.
  virtual std::optional<std::string_view> Field(std::string_view path) const = 0;
  virtual WallTime Timestamp() const = 0;
  virtual LogSeverity Severity() const = 0;
  // Calls `visit` with every text of the entry until it returns true; whether one did.
  virtual bool AnyText(const std::function<bool(std::string_view)>& visit) const = 0;
};

// What every matching entry must satisfy, for skipping sources and segments unread.
struct FilterBounds {
  std::optional<std::vector<std::string>> job_ids;
  std::optional<std::vector<std::string>> task_names;
  std::optional<std::vector<std::string>> resource_types;
  WallTime from{INT64_MIN};  // inclusive
  WallTime to{INT64_MAX};    // inclusive
};

class Filter {
 public:
  // Empty text matches everything. INVALID_ARGUMENT says what is wrong and at which character.
  static Result<Filter> Parse(std::string_view text);
  Filter(Filter&&) noexcept;
  Filter& operator=(Filter&&) noexcept;
  ~Filter();

  bool Matches(const FilterSubject& subject) const;
  const FilterBounds& bounds() const { return bounds_; }

  struct Node;

 private:
  Filter();
  std::unique_ptr<Node> root_;  // null: matches everything
  FilterBounds bounds_;
};

// Deeper nesting is refused, so that neither parsing nor matching can exhaust the stack.
inline constexpr int kFilterMaxDepth = 64;
inline constexpr int kFilterMaxNodes = 2000;

}  // namespace hodei::store
