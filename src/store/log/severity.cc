#include "store/log/severity.h"

#include <array>
#include <cctype>
#include <charconv>
#include <string>
#include <utility>

namespace hodei::store {
namespace {

namespace v2 = google::logging::v2;

constexpr std::array<std::pair<std::string_view, LogSeverity>, 11> kNames = {{
    {"DEFAULT", v2::DEFAULT},
    {"DEBUG", v2::DEBUG},
    {"INFO", v2::INFO},
    {"NOTICE", v2::NOTICE},
    {"WARNING", v2::WARNING},
    {"ERROR", v2::ERROR},
    {"CRITICAL", v2::CRITICAL},
    {"ALERT", v2::ALERT},
    {"EMERGENCY", v2::EMERGENCY},
    {"WARN", v2::WARNING},
    {"FATAL", v2::CRITICAL},
}};

bool EqualsNoCase(std::string_view a, std::string_view upper) {
  if (a.size() != upper.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::toupper(static_cast<unsigned char>(a[i])) != upper[i]) return false;
  }
  return true;
}

}  // namespace

std::optional<LogSeverity> ParseSeverity(std::string_view text) {
  for (const auto& [name, severity] : kNames) {
    if (EqualsNoCase(text, name)) return severity;
  }
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!v2::LogSeverity_IsValid(number)) return std::nullopt;
  return static_cast<LogSeverity>(number);
}

std::string_view SeverityName(LogSeverity severity) {
  for (const auto& [name, value] : kNames) {
    if (value == severity) return name;
  }
  return "DEFAULT";
}

}  // namespace hodei::store
