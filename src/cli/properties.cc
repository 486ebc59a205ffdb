#include "cli/properties.h"

#include <fmt/format.h>

#include <algorithm>

#include "sys/file.h"

namespace hodei::cli {
namespace {

std::string Trim(std::string_view text) {
  size_t from = text.find_first_not_of(" \t\r");
  if (from == text.npos) return "";
  return std::string(text.substr(from, text.find_last_not_of(" \t\r") - from + 1));
}

}  // namespace

const std::vector<std::string>& KnownProperties() {
  static const std::vector<std::string> names = {
      "ai_platform/region",
      "auth/access_token_file",
      "compute/region",
      "compute/zone",
      "core/account",
      "core/ca_file",
      "core/data",
      "core/disable_prompts",
      "core/log_http",
      "core/project",
      "core/server",
      "core/verbosity",
      "ml_engine/local_python",
      "ml_engine/polling_interval",
      "storage/process_count",
  };
  return names;
}

Result<PropertyName> ParsePropertyName(std::string_view text) {
  size_t slash = text.find('/');
  PropertyName name{std::string(slash == text.npos ? "core" : text.substr(0, slash)),
                    std::string(slash == text.npos ? text : text.substr(slash + 1))};
  const auto& known = KnownProperties();
  if (std::find(known.begin(), known.end(), name.Text()) != known.end()) return name;
  bool section_exists = std::any_of(known.begin(), known.end(), [&](const std::string& one) {
    return one.rfind(name.section + "/", 0) == 0;
  });
  if (!section_exists) {
    return InvalidArgument(fmt::format("Section \"{}\" does not exist.", name.section));
  }
  return InvalidArgument(fmt::format("Section [{}] has no property [{}].", name.section, name.key));
}

Result<PropertyFile> PropertyFile::Read(const std::string& path) {
  PropertyFile file;
  file.path_ = path;
  if (!FileExists(path)) return file;
  ASSIGN_OR_RETURN(std::string text, ReadFile(path, 1 << 20));
  std::string section = "core";
  size_t line_number = 0;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    std::string line = Trim(std::string_view(text).substr(at, end - at));
    at = end + 1;
    ++line_number;
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      section = line.substr(1, line.size() - 2);
      continue;
    }
    size_t equals = line.find('=');
    if (equals == line.npos) {
      return InvalidArgument(fmt::format("{}:{}: not \"key = value\": correct or delete this line",
                                         path, line_number));
    }
    file.sections_[section][Trim(line.substr(0, equals))] = Trim(line.substr(equals + 1));
  }
  return file;
}

std::optional<std::string> PropertyFile::Get(const PropertyName& name) const {
  auto section = sections_.find(name.section);
  if (section == sections_.end()) return std::nullopt;
  auto value = section->second.find(name.key);
  if (value == section->second.end()) return std::nullopt;
  return value->second;
}

void PropertyFile::Set(const PropertyName& name, std::string value) {
  sections_[name.section][name.key] = std::move(value);
}

void PropertyFile::Unset(const PropertyName& name) {
  auto section = sections_.find(name.section);
  if (section == sections_.end()) return;
  section->second.erase(name.key);
  if (section->second.empty()) sections_.erase(section);
}

Status PropertyFile::Write() const {
  std::string text;
  for (const auto& [section, values] : sections_) {
    text += fmt::format("[{}]\n", section);
    for (const auto& [key, value] : values) text += fmt::format("{} = {}\n", key, value);
  }
  RETURN_IF_ERROR(MakeDirectories(path_.substr(0, path_.rfind('/'))));
  return WriteFileDurably(path_, text);
}

}  // namespace hodei::cli
