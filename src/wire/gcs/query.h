// The query part of a Cloud Storage request.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"

namespace hodei::wire::gcs {

// Decoded parameters in order. Unknown ones are kept and ignored by all.
class Query {
 public:
  static constexpr size_t kParameterLimit = 1000;
  // INVALID_ARGUMENT for a bad escape or too many parameters.
  static Result<Query> Parse(std::string_view raw);

  const std::vector<std::pair<std::string, std::string>>& parameters() const { return parameters_; }
  bool Has(std::string_view name) const;
  // The first value, or empty.
  const std::string& Get(std::string_view name) const;
  std::vector<std::string> GetAll(std::string_view name) const;
  // "true" and "True" (as Python spells it); anything else is false.
  bool Flag(std::string_view name) const;
  // INVALID_ARGUMENT naming the parameter when it is there and not a decimal number.
  Result<std::optional<int64_t>> Number(std::string_view name) const;

 private:
  std::vector<std::pair<std::string, std::string>> parameters_;
};

// A whole decimal int64 and nothing else.
std::optional<int64_t> ParseInt64(std::string_view text);
std::optional<uint64_t> ParseUint64(std::string_view text);

}  // namespace hodei::wire::gcs
