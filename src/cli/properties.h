// The properties of `hodei config`: a small ini file of the user's, never Google's own
// configuration.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace hodei::cli {

struct PropertyName {
  std::string section;  // "core"
  std::string key;      // "project"
  std::string Text() const { return section + "/" + key; }
};

// "compute/region", or "project" for core/project. INVALID_ARGUMENT in gcloud's words for a section
// or a property that does not exist.
Result<PropertyName> ParsePropertyName(std::string_view text);
// All properties there are, sorted, as "section/key".
const std::vector<std::string>& KnownProperties();

class PropertyFile {
 public:
  // A missing file is an empty one. INVALID_ARGUMENT names the line that is not "key = value".
  static Result<PropertyFile> Read(const std::string& path);
  std::optional<std::string> Get(const PropertyName& name) const;
  void Set(const PropertyName& name, std::string value);
  void Unset(const PropertyName& name);
  // Replaces the file durably, mode 0600; makes its folder.
  Status Write() const;
  // section → key → value.
  const std::map<std::string, std::map<std::string, std::string>>& sections() const {
    return sections_;
  }

 private:
  std::string path_;
  std::map<std::string, std::map<std::string, std::string>> sections_;
};

}  // namespace hodei::cli
