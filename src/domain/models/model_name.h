// Names of models, versions and operations. Thread-safe, pure.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hodei::models {

inline constexpr size_t kModelIdMaxBytes = 128;

struct ModelName {
  std::string project;
  std::string model;
};
struct VersionName {
  std::string project;
  std::string model;
  std::string version;
};

// A letter, then letters, digits and '_', at most kModelIdMaxBytes: of models and versions.
bool IsModelId(std::string_view text);
// "projects/P/models/M", "projects/P/models/M/versions/V"; INVALID_ARGUMENT for any other form. The
// parts need not be valid ids.
Result<ModelName> ParseModelName(std::string_view name);
Result<VersionName> ParseVersionName(std::string_view name);
std::string FormatModelName(std::string_view project, std::string_view model);
std::string FormatVersionName(std::string_view project, std::string_view model,
                              std::string_view version);
// The part after the last '/'.
std::string_view LastPart(std::string_view name);
// "projects/P/models/M" of a version's name.
std::string ModelOfVersion(std::string_view version_name);

}  // namespace hodei::models
