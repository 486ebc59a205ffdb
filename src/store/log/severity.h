// Severities by name and in order.
#pragma once

#include <optional>
#include <string_view>

#include "google/logging/v2/logging.pb.h"

namespace hodei::store {

using google::logging::v2::LogSeverity;

// Accepts the names of the API and of Python's logging ("WARN", "FATAL"), without case, and the
// numbers of the API ("400").
std::optional<LogSeverity> ParseSeverity(std::string_view text);
std::string_view SeverityName(LogSeverity severity);

}  // namespace hodei::store
