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
  std::string Source() const;  // "file://a", "gs://b/a"
  std::string Target() const;
};

// What one command may copy; a plan of this size takes about a gigabyte.
constexpr size_t kMostSteps = 4'000'000;

struct CopyRequest {
  std::vector<std::string> sources;
  std::string destination;
  bool recursive = false;
  bool ignore_symlinks = false;
};

// gsutil's naming: one file to a name takes the name; several, or into an existing folder or
// prefix, keep their base names; a folder into an existing one keeps its name, otherwise its
// content takes the new name. Symbolic links to files are followed, those to folders are not.
// NOT_FOUND where a source matches nothing; INVALID_ARGUMENT for a copy onto itself and for object
// names that would leave the destination folder.
Result<std::vector<CopyStep>> PlanCopies(Api& api, const CopyRequest& request);

// `name` below `folder`, or INVALID_ARGUMENT when it holds an empty, "." or ".." segment or a NUL:
// such an object has no place in a file tree.
Result<std::string> LocalPathFor(const std::string& folder, const std::string& name);

// A file below a folder.
struct FolderFile {
  std::string path;
  std::string name;  // below the folder, parts separated by "/"
  uint64_t size = 0;
  int64_t mtime_seconds = 0;
};
// Every regular file below `folder`, sorted by name within each folder. Links to files are followed
// unless `ignore_symlinks`, links to folders never.
Result<std::vector<FolderFile>> CollectFiles(const std::string& folder, bool recursive,
                                             bool ignore_symlinks);
// The local files and folders that a pattern matches, sorted; "**" crosses folders. A name without
// wildcards, or one that exists, is itself.
Result<std::vector<std::string>> ExpandLocal(const std::string& pattern);

}  // namespace hodei::cli
