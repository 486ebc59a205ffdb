// The frames with which a serving program answers a chunk (docs/decisions/0040). Pure, for hostile
// bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::prediction {

inline constexpr size_t kErrorTextMaxBytes = 4096;

struct BatchAnswer {
  std::vector<std::string_view> results;  // lines, each with its line feed
  std::optional<std::string_view> header;
  struct Error {
    std::string_view text;
    int64_t count = 0;
  };
  std::vector<Error> errors;
  int64_t predictions = 0;
  int64_t errors_total = 0;
};

// The views point into `body`. UNAVAILABLE when it is not of that form.
Result<BatchAnswer> ParseBatchAnswer(std::string_view body);

// `('<text>', <count>)`, as Python writes such a tuple.
std::string ErrorLine(std::string_view text, int64_t count);

}  // namespace hodei::prediction
