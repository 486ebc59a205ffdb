// Decides what `cp` and `mv` copy where, before anything is moved: the rules of gsutil.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/storage/storage_client.h"

namespace hodei::cli {

struct CopyStep {
  std::string local_from;           // set: an upload
  std::optional<ObjectEntry> from;  // set: a download or a copy between objects
  std::string local_to;             // set: a download
  std::optional<GsUrl> to;          // set: an upload or a copy between objects
  uint64_t bytes = 0;
  std::string Label() const;  // "Copying file://a to gs://b/a"
};

struct CopyRequest {
  std::vector<std::string> sources;
  std::string destination;
  bool recursive = false;
};

// gsutil's naming: one file to a name takes the name; several, or into an existing folder or
// prefix, keep their base names; a folder into an existing one keeps its name, otherwise its
// content takes the new name. Symbolic links to files are followed, those to folders are not.
// INVALID_ARGUMENT where a source matches nothing, and for object names that would leave the
// destination folder.
Result<std::vector<CopyStep>> PlanCopies(Api& api, const CopyRequest& request);

// `name` below `folder`, or INVALID_ARGUMENT when it holds an empty, "." or ".." segment or a NUL:
// such an object has no place in a file tree.
Result<std::string> LocalPathFor(const std::string& folder, const std::string& name);

}  // namespace hodei::cli
