#include "domain/models/model_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace hodei::models {
namespace {

// The parts of `name` between slashes when it has `words` at the even places: "projects", "models".
bool Split(std::string_view name, const std::vector<std::string_view>& words,
           std::vector<std::string>* parts) {
  for (size_t i = 0; i < words.size(); ++i) {
    if (!name.starts_with(words[i]) || name.size() <= words[i].size() ||
        name[words[i].size()] != '/') {
      return false;
    }
    name.remove_prefix(words[i].size() + 1);
    const size_t end = i + 1 == words.size() ? name.size() : name.find('/');
    if (end == std::string_view::npos || end == 0) return false;
    const std::string_view part = name.substr(0, end);
    if (part.find('/') != std::string_view::npos) return false;
    parts->emplace_back(part);
    name.remove_prefix(std::min(end + 1, name.size()));
  }
  return name.empty();
}

}  // namespace

bool IsModelId(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  return !text.empty() && text.size() <= kModelIdMaxBytes && is_letter(text[0]) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
}

Result<ModelName> ParseModelName(std::string_view name) {
  std::vector<std::string> parts;
  if (!Split(name, {"projects", "models"}, &parts)) {
    return InvalidField("name", "must have the form projects/PROJECT/models/MODEL");
  }
  return ModelName{parts[0], parts[1]};
}

Result<VersionName> ParseVersionName(std::string_view name) {
  std::vector<std::string> parts;
  if (!Split(name, {"projects", "models", "versions"}, &parts)) {
    return InvalidField("name",
                        "must have the form projects/PROJECT/models/MODEL/versions/VERSION");
  }
  return VersionName{parts[0], parts[1], parts[2]};
}

std::string FormatModelName(std::string_view project, std::string_view model) {
  return fmt::format("projects/{}/models/{}", project, model);
}

std::string FormatVersionName(std::string_view project, std::string_view model,
                              std::string_view version) {
  return fmt::format("projects/{}/models/{}/versions/{}", project, model, version);
}

std::string_view LastPart(std::string_view name) {
  const size_t slash = name.rfind('/');
  return slash == std::string_view::npos ? name : name.substr(slash + 1);
}

std::string ModelOfVersion(std::string_view version_name) {
  return std::string(version_name.substr(0, version_name.find("/versions/")));
}

}  // namespace hodei::models
