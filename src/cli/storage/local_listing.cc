// What local folders hold and what local wildcards match.
#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>

#include "cli/storage/copy_plan.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

class Collector {
 public:
  Collector(bool recursive, bool ignore_symlinks, std::vector<FolderFile>* out)
      : recursive_(recursive), ignore_symlinks_(ignore_symlinks), out_(out) {}

  Status Folder(const std::string& folder, const std::string& name) {
    ASSIGN_OR_RETURN(std::vector<std::string> entries, ListDirectory(folder));
    for (const std::string& entry : entries) {
      std::string path = (folder.back() == '/' ? folder : folder + "/") + entry;
      RETURN_IF_ERROR(One(path, name.empty() ? entry : name + "/" + entry));
    }
    return OkStatus();
  }

 private:
  Status One(const std::string& path, const std::string& name) {
    struct stat link {};
    if (lstat(path.c_str(), &link) != 0) return OkStatus();  // gone since it was listed
    struct stat status = link;
    bool symbolic = S_ISLNK(link.st_mode);
    if (symbolic && (ignore_symlinks_ || stat(path.c_str(), &status) != 0)) return OkStatus();
    if (S_ISDIR(status.st_mode)) {
      return symbolic || !recursive_ ? OkStatus() : Folder(path, name);
    }
    if (S_ISREG(status.st_mode)) {
      out_->push_back({path, name, static_cast<uint64_t>(status.st_size), status.st_mtim.tv_sec});
    }
    return OkStatus();
  }

  const bool recursive_;
  const bool ignore_symlinks_;
  std::vector<FolderFile>* out_;
};

// The folder that a pattern with "**" starts in: what stands before its first wildcard's segment.
std::string FixedFolder(const std::string& pattern) {
  std::string fixed(FixedPrefix(pattern));
  size_t slash = fixed.rfind('/');
  return slash == fixed.npos ? "." : slash == 0 ? "/" : fixed.substr(0, slash);
}

}  // namespace

Result<std::vector<FolderFile>> CollectFiles(const std::string& folder, bool recursive,
                                             bool ignore_symlinks) {
  std::vector<FolderFile> files;
  RETURN_IF_ERROR(Collector(recursive, ignore_symlinks, &files).Folder(folder, ""));
  return files;
}

Result<std::vector<std::string>> ExpandLocal(const std::string& pattern) {
  if (!HasWildcard(pattern) || FileExists(pattern)) return std::vector<std::string>{pattern};
  std::vector<std::string> paths;
  if (pattern.find("**") != std::string::npos) {
    std::string folder = FixedFolder(pattern);
    if (!FileExists(folder)) return paths;
    ASSIGN_OR_RETURN(std::vector<FolderFile> files, CollectFiles(folder, true, false));
    for (const FolderFile& file : files) {
      bool below_here = folder == "." && pattern.rfind("./", 0) != 0;
      std::string path = below_here ? file.name : file.path;
      if (GlobMatches(pattern, path)) paths.push_back(std::move(path));
    }
    return paths;
  }
  glob_t found{};
  if (glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) paths.emplace_back(found.gl_pathv[i]);
  }
  globfree(&found);
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace hodei::cli
