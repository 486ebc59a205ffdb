// The filter of projects.list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"

namespace hodei::service {

class ProjectFilter {
 public:
  static constexpr size_t kMaxBytes = 4096;
  // INVALID_ARGUMENT for fields and shapes that are not in the list at
  // ProjectService::ListProjects(), so that nothing is silently ignored.
  static Result<ProjectFilter> Parse(std::string_view text);
  bool Matches(const google::cloud::resourcemanager::v1::Project& project) const;

 private:
  struct Term {
    std::string field;  // "lifecyclestate", "labels.key"
    std::string value;  // lower case
    bool is_prefix = false;
  };
  std::vector<Term> terms_;
};

}  // namespace hodei::service
