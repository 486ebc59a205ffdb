#include "cli/storage/copy_plan.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "sys/file.h"

namespace hodei::cli {
namespace {

bool IsFolder(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string BaseName(const std::string& path) {
  std::string bare = WithoutSlashes(path);
  return bare.substr(bare.rfind('/') + 1);
}

std::string Join(const std::string& folder, const std::string& name) {
  if (folder.empty() || folder.back() == '/') return folder + name;
  return folder + "/" + name;
}

bool IsSpecial(const std::string& path) {
  struct stat status {};
  return stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode) && !S_ISREG(status.st_mode);
}

class Planner {
 public:
  Planner(Api& api, const CopyRequest& request) : api_(api), request_(request) {}

  Result<std::vector<CopyStep>> Run() {
    std::vector<std::string> locals;
    std::vector<GsUrl> remotes;
    for (const std::string& source : request_.sources) {
      if (IsGsUrl(source)) {
        ASSIGN_OR_RETURN(GsUrl url, ParseGsUrl(source));
        remotes.push_back(std::move(url));
        continue;
      }
      ASSIGN_OR_RETURN(std::vector<std::string> paths, ExpandLocal(source));
      if (paths.empty()) return MatchedNothing(source);
      locals.insert(locals.end(), paths.begin(), paths.end());
    }
    several_ = locals.size() + remotes.size() > 1;
    RETURN_IF_ERROR(LookAtDestination());
    for (const std::string& path : locals) RETURN_IF_ERROR(PlanLocal(path));
    for (const GsUrl& url : remotes) RETURN_IF_ERROR(PlanRemote(url));
    return std::move(steps_);
  }

 private:
  Status LookAtDestination() {
    to_gs_ = IsGsUrl(request_.destination);
    if (!to_gs_) {
      into_folder_ = IsFolder(request_.destination);
      bool named_folder = !request_.destination.empty() && request_.destination.back() == '/';
      if ((several_ || named_folder) && !into_folder_ && !request_.recursive) {
        return InvalidArgument(
            fmt::format("Destination URL must name an existing directory if copying "
                        "several sources: [{}].",
                        request_.destination));
      }
      return OkStatus();
    }
    ASSIGN_OR_RETURN(to_, ParseGsUrl(request_.destination));
    if (!to_.generation.empty()) {
      return InvalidArgument(
          fmt::format("The destination argument of the cp command cannot be a version-specific URL "
                      "({}).",
                      request_.destination));
    }
    into_folder_ = to_.object.empty() || to_.object.back() == '/';
    return OkStatus();
  }

  // Whether something exists below the destination taken as a folder; asked once, when it matters.
  Result<bool> IntoFolder() {
    if (into_folder_ || !to_gs_ || looked_) return into_folder_;
    looked_ = true;
    Query query = {
        {"prefix", to_.object + "/"}, {"maxResults", "1"}, {"fields", "items(name),prefixes"}};
    ASSIGN_OR_RETURN(Json page, api_.Get(BucketPath(to_.bucket) + "/o", query));
    into_folder_ = Member(page, "items") != nullptr || Member(page, "prefixes") != nullptr;
    return into_folder_;
  }

  // Where `name` (a base name, or a path below a copied folder) goes.
  Status AddStep(CopyStep step, const std::string& name, bool keep_name) {
    if (steps_.size() == kMostSteps) {
      return ResourceExhausted(
          fmt::format("more than {} files; copy them in several parts", kMostSteps));
    }
    if (to_gs_) {
      step.to = GsUrl{to_.bucket, keep_name ? Join(to_.object, name) : to_.object, ""};
    } else if (keep_name) {
      ASSIGN_OR_RETURN(step.local_to, LocalPathFor(request_.destination, name));
    } else {
      step.local_to = request_.destination;
    }
    bool same = step.from && step.to && step.from->url().Text() == step.to->Text();
    if (same) {
      return InvalidArgument(
          fmt::format("Source URL matches destination URL: {}", step.to->Text()));
    }
    steps_.push_back(std::move(step));
    return OkStatus();
  }

  Status PlanLocal(const std::string& path) {
    struct stat status {};
    if (stat(path.c_str(), &status) != 0) return MatchedNothing(path);
    ASSIGN_OR_RETURN(bool into_folder, IntoFolder());
    if (IsSpecial(path)) {
      return InvalidArgument(
          fmt::format("[{}] is no regular file; copy `-` with its content "
                      "instead.",
                      path));
    }
    if (!S_ISDIR(status.st_mode)) {
      CopyStep step;
      step.local_from = path;
      step.bytes = static_cast<uint64_t>(status.st_size);
      return AddStep(std::move(step), BaseName(path), into_folder || several_);
    }
    if (!request_.recursive) {
      return InvalidArgument(fmt::format("[{}] is a folder: add -r to copy what is in it.", path));
    }
    ASSIGN_OR_RETURN(std::vector<FolderFile> files,
                     CollectFiles(WithoutSlashes(path), true, request_.ignore_symlinks));
    std::string base = BaseName(path);
    bool keep_base = (into_folder || several_) && base != "." && base != "..";
    for (const FolderFile& file : files) {
      CopyStep step;
      step.local_from = file.path;
      step.bytes = file.size;
      RETURN_IF_ERROR(
          AddStep(std::move(step), keep_base ? base + "/" + file.name : file.name, true));
    }
    return OkStatus();
  }

  Status PlanObject(const ObjectEntry& entry, const std::string& name, bool keep_name) {
    CopyStep step;
    step.from = entry;
    step.bytes = entry.size;
    return AddStep(std::move(step), name, keep_name);
  }

  Status PlanRemote(const GsUrl& url) {
    ASSIGN_OR_RETURN(std::vector<ObjectEntry> entries, ExpandUrl(api_, url));
    bool one_named = entries.size() == 1 && !HasWildcard(url.object) && !url.object.empty();
    ASSIGN_OR_RETURN(bool into_folder, IntoFolder());
    for (const ObjectEntry& entry : entries) {
      if (entry.name.back() == '/') continue;  // a marker for a folder has no bytes to copy
      RETURN_IF_ERROR(
          PlanObject(entry, BaseName(entry.name), into_folder || several_ || !one_named));
    }
    if (!request_.recursive) return entries.empty() ? MatchedNothing(url.Text()) : OkStatus();
    return PlanPrefixes(url, into_folder, entries.empty());
  }

  // What lies below `url` taken as a folder, or below each folder its wildcard matches.
  Status PlanPrefixes(const GsUrl& url, bool into_folder, bool must_match) {
    std::string fixed(FixedPrefix(url.object));
    if (!HasWildcard(url.object))
      fixed = url.object.empty() ? "" : WithoutSlashes(url.object) + "/";
    ASSIGN_OR_RETURN(Listing listing, ListObjects(api_, {.bucket = url.bucket, .prefix = fixed}));
    bool any = false;
    for (const ObjectEntry& entry : listing.objects) {
      if (entry.name.back() == '/') continue;
      size_t folder_end =
          HasWildcard(url.object) ? MatchedFolderEnd(url.object, entry.name) : fixed.size();
      if (folder_end == std::string::npos) continue;
      any = true;
      std::string folder = entry.name.substr(0, folder_end);
      std::string below = entry.name.substr(folder_end);
      bool keep_folder = (into_folder || several_ || HasWildcard(url.object)) && !folder.empty();
      RETURN_IF_ERROR(
          PlanObject(entry, keep_folder ? BaseName(folder) + "/" + below : below, true));
    }
    return must_match && !any ? MatchedNothing(url.Text()) : OkStatus();
  }

  Api& api_;
  const CopyRequest& request_;
  GsUrl to_;
  bool to_gs_ = false;
  bool several_ = false;
  bool into_folder_ = false;
  bool looked_ = false;
  std::vector<CopyStep> steps_;
};

}  // namespace

std::string CopyStep::Source() const { return from ? from->url().Text() : "file://" + local_from; }

std::string CopyStep::Target() const { return to ? to->Text() : "file://" + local_to; }

Result<std::string> LocalPathFor(const std::string& folder, const std::string& name) {
  for (size_t at = 0; at <= name.size();) {
    size_t end = std::min(name.find('/', at), name.size());
    std::string segment = name.substr(at, end - at);
    if (segment.empty() || segment == "." || segment == ".." ||
        segment.find('\0') != segment.npos) {
      return InvalidArgument(fmt::format(
          "The object name [{}] has no place below a folder; copy it alone to a file name.", name));
    }
    at = end + 1;
  }
  return Join(folder, name);
}

Result<std::vector<CopyStep>> PlanCopies(Api& api, const CopyRequest& request) {
  return Planner(api, request).Run();
}

}  // namespace hodei::cli
