#include "wire/gcs/query.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"

namespace hodei::wire::gcs {
namespace {

template <typename T>
std::optional<T> ParseWhole(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> ParseInt64(std::string_view text) { return ParseWhole<int64_t>(text); }
std::optional<uint64_t> ParseUint64(std::string_view text) { return ParseWhole<uint64_t>(text); }

Result<Query> Query::Parse(std::string_view raw) {
  Query query;
  while (!raw.empty()) {
    const size_t end = raw.find('&');
    const std::string_view pair = raw.substr(0, end);
    raw = end == std::string_view::npos ? std::string_view() : raw.substr(end + 1);
    if (pair.empty()) continue;
    if (query.parameters_.size() == kParameterLimit) {
      return InvalidArgument("Too many query parameters.").WithReason("invalid");
    }
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(std::string name, PercentDecode(pair.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN_OR_RETURN(value, PercentDecode(pair.substr(equals + 1), true));
    }
    query.parameters_.emplace_back(std::move(name), std::move(value));
  }
  return query;
}

bool Query::Has(std::string_view name) const {
  for (const auto& [key, value] : parameters_) {
    if (key == name) return true;
  }
  return false;
}

const std::string& Query::Get(std::string_view name) const {
  static const std::string kEmpty;
  for (const auto& [key, value] : parameters_) {
    if (key == name) return value;
  }
  return kEmpty;
}

std::vector<std::string> Query::GetAll(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [key, value] : parameters_) {
    if (key == name) values.push_back(value);
  }
  return values;
}

bool Query::Flag(std::string_view name) const {
  const std::string& value = Get(name);
  return value == "true" || value == "True" || value == "TRUE";
}

Result<std::optional<int64_t>> Query::Number(std::string_view name) const {
  if (!Has(name)) return std::optional<int64_t>();
  const std::optional<int64_t> value = ParseInt64(Get(name));
  if (!value) {
    return InvalidArgument(fmt::format("Invalid value for: {} is not a valid int64.", name))
        .WithReason("invalidParameter");
  }
  return value;
}

}  // namespace hodei::wire::gcs
