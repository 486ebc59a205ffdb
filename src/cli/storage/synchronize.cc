// rsync: makes a destination folder or prefix hold what a source does.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/digest.h"
#include "base/encoding.h"
#include "cli/storage/copy_plan.h"
#include "cli/storage/local_file.h"
#include "cli/storage/storage_handlers.h"
#include "sys/file.h"

namespace hodei::cli {
namespace {

// One file or object of a side, by its name below the side's root.
struct Item {
  std::string path;   // of a local file
  ObjectEntry entry;  // of an object
  uint64_t size = 0;
  std::optional<int64_t> mtime;
};
using Side = std::map<std::string, Item>;

// Where a side is: a local folder, or a bucket and a prefix that ends with "/" or is empty.
struct Root {
  bool remote = false;
  std::string folder;
  GsUrl url;
  std::string Text() const { return remote ? url.Text() : "file://" + folder; }
  std::string Text(const std::string& name) const {
    return remote ? "gs://" + url.bucket + "/" + url.object + name
                  : "file://" + folder + "/" + name;
  }
};

struct SyncOptions {
  bool recursive = false;
  bool checksums = false;
  bool remove_extra = false;
  bool dry_run = false;
  bool keep_existing = false;
  bool keep_newer = false;
  bool ignore_symlinks = true;
  std::vector<std::regex> excluded;
  ObjectSettings settings;
};

Result<Root> ParseRoot(const std::string& text) {
  Root root;
  root.remote = IsGsUrl(text);
  if (!root.remote) {
    root.folder = text.rfind("file://", 0) == 0 ? text.substr(7) : text;
    while (root.folder.size() > 1 && root.folder.back() == '/') root.folder.pop_back();
    return root;
  }
  ASSIGN_OR_RETURN(root.url, ParseGsUrl(text));
  if (!root.url.object.empty() && root.url.object.back() != '/') root.url.object += '/';
  return root;
}

Result<SyncOptions> OptionsOf(Context& context) {
  const CommandLine& line = context.line();
  SyncOptions options;
  options.recursive = line.Switch("recursive");
  options.checksums = line.Switch("checksums-only");
  options.remove_extra = line.Switch("delete-unmatched-destination-objects");
  options.dry_run = line.Switch("dry-run");
  options.keep_existing = line.Switch("no-clobber");
  options.keep_newer = line.Switch("skip-if-dest-has-newer-mtime");
  // gsutil follows links unless told; gcloud leaves them out unless told.
  options.ignore_symlinks = line.Switch("ignore-symlinks", !InGsutilWords(context));
  ASSIGN_OR_RETURN(options.settings, SettingsOf(line));
  for (const std::string& pattern :
       InGsutilWords(context) ? line.Values("exclude") : line.List("exclude")) {
    try {
      options.excluded.emplace_back(pattern, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      return InvalidArgument(fmt::format("Invalid exclude filter [{}]: {}", pattern, error.what()));
    }
  }
  return options;
}

// Like Python's re.match: from the start, not necessarily to the end.
bool Excluded(const SyncOptions& options, const std::string& name) {
  for (const std::regex& pattern : options.excluded) {
    if (std::regex_search(name, pattern, std::regex_constants::match_continuous)) return true;
  }
  return false;
}

// `missing_is_empty`: a destination may not be there yet.
Result<Side> ReadSide(Api& api, const Root& root, const SyncOptions& options,
                      bool missing_is_empty) {
  Side side;
  if (root.remote) {
    Result<Listing> listing = ListObjects(
        api, {.bucket = root.url.bucket, .prefix = root.url.object, .folders = !options.recursive});
    if (!listing.ok() && listing.status().code() == Code::kNotFound) {
      return NotFound(fmt::format("gs://{} not found: 404.", root.url.bucket));
    }
    RETURN_IF_ERROR(listing.status());
    bool nothing = listing->objects.empty() && listing->prefixes.empty();
    if (nothing && !missing_is_empty && !root.url.object.empty()) {
      return NotFound("Did not find existing container at: " + root.url.Text());
    }
    for (ObjectEntry& entry : listing->objects) {
      std::string name = entry.name.substr(root.url.object.size());
      if (name.empty() || name.back() == '/' || Excluded(options, name)) continue;
      Item item{"", entry, entry.size, entry.mtime};
      side.emplace(std::move(name), std::move(item));
    }
    return side;
  }
  struct stat status {};
  if (stat(root.folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    if (missing_is_empty && !FileExists(root.folder)) return side;
    return NotFound("Did not find existing container at: " + root.folder);
  }
  ASSIGN_OR_RETURN(std::vector<FolderFile> files,
                   CollectFiles(root.folder, options.recursive, options.ignore_symlinks));
  for (FolderFile& file : files) {
    if (Excluded(options, file.name)) continue;
    Item item{file.path, {}, file.size, file.mtime_seconds};
    side.emplace(std::move(file.name), std::move(item));
  }
  return side;
}

Result<std::string> FileChecksum(const std::string& path, bool md5_wanted) {
  ASSIGN_OR_RETURN(LocalFile file, LocalFile::Open(path));
  uint32_t crc = 0;
  DigestStream md5(DigestStream::Kind::kMd5);
  for (uint64_t at = 0;;) {
    ASSIGN_OR_RETURN(std::string piece, file.ReadAt(at, kPieceBytes));
    if (piece.empty()) break;
    if (md5_wanted) md5.Update(piece);
    if (!md5_wanted) crc = Crc32c(crc, piece);
    at += piece.size();
  }
  return md5_wanted ? Base64Encode(md5.Final()) : Crc32cText(crc);
}

Result<bool> SameContent(const Item& a, const Item& b) {
  if (a.size != b.size) return false;
  if (a.path.empty() && b.path.empty()) return a.entry.crc32c == b.entry.crc32c;
  const Item& file = a.path.empty() ? b : a;
  const Item& other = a.path.empty() ? a : b;
  bool md5 = other.path.empty() && other.entry.crc32c.empty();
  ASSIGN_OR_RETURN(std::string mine, FileChecksum(file.path, md5));
  if (!other.path.empty()) {
    ASSIGN_OR_RETURN(std::string theirs, FileChecksum(other.path, false));
    return mine == theirs;
  }
  return mine == (md5 ? other.entry.md5 : other.entry.crc32c);
}

class Synchronizer {
 public:
  Synchronizer(Context& context, Api& api, SyncOptions options, Root from, Root to)
      : context_(context),
        api_(api),
        gsutil_(InGsutilWords(context)),
        options_(std::move(options)),
        from_(std::move(from)),
        to_(std::move(to)),
        journal_(JournalFolder(context)) {}

  Result<int> Run() {
    if (gsutil_) context_.console().Err("Building synchronization state...\n");
    ASSIGN_OR_RETURN(Side source, ReadSide(api_, from_, options_, false));
    ASSIGN_OR_RETURN(Side target, ReadSide(api_, to_, options_, true));
    if (gsutil_) context_.console().Err("Starting synchronization...\n");
    for (const auto& [name, item] : source) {
      auto there = target.find(name);
      RETURN_IF_ERROR(Plan(name, item, there == target.end() ? nullptr : &there->second));
    }
    if (options_.remove_extra) {
      for (const auto& [name, item] : target) {
        if (source.count(name) == 0) PlanRemoval(name, item);
      }
    }
    if (tasks_.empty()) return 0;
    RETURN_IF_ERROR(RunTasks(context_, std::move(tasks_), TransferOptionsOf(context_)));
    return 0;
  }

 private:
  void Say(const std::string& text) { context_.console().Err(text + "\n"); }

  Status Plan(const std::string& name, const Item& item, const Item* there) {
    if (there != nullptr) {
      if (options_.keep_existing) return OkStatus();
      bool newer = item.mtime && there->mtime && *item.mtime < *there->mtime;
      if (options_.keep_newer && newer) return OkStatus();
      bool between_objects = from_.remote && to_.remote;
      bool times_known = item.mtime && there->mtime && !options_.checksums && !between_objects;
      if (times_known && *item.mtime == *there->mtime && item.size == there->size)
        return OkStatus();
      ASSIGN_OR_RETURN(bool same, SameContent(item, *there));
      if (same) return PlanTime(name, item, *there);
    }
    if (options_.dry_run) {
      Say(fmt::format("Would copy {} to {}", from_.Text(name), to_.Text(name)));
      return OkStatus();
    }
    TransferTask task;
    task.label =
        gsutil_ ? fmt::format("Copying {}{}...", from_.Text(name),
                              from_.remote ? "" : " [Content-Type=" + GuessContentType(name) + "]")
                : fmt::format("Copying {} to {}", from_.Text(name), to_.Text(name));
    task.bytes = item.size;
    task.run = [this, name, item](const TransferReport& report) {
      return CopyOne(name, item, report);
    };
    tasks_.push_back(std::move(task));
    return OkStatus();
  }

  // The bytes agree; a time that differs would make every later run compare them again.
  Status PlanTime(const std::string& name, const Item& item, const Item& there) {
    bool differs = item.mtime && item.mtime != there.mtime && !(from_.remote && to_.remote);
    if (!differs) return OkStatus();
    if (options_.dry_run) {
      Say("Would set mtime for " + to_.Text(name));
      return OkStatus();
    }
    TransferTask task;
    task.label = gsutil_ ? "Copying mtime from src to dst for " + to_.Text(name)
                         : "Patching " + to_.Text(name) + "...";
    int64_t mtime = *item.mtime;
    task.run = [this, name, mtime, there](const TransferReport&) -> Status {
      if (!to_.remote) return SetFileTime(there.path, mtime);
      Json body = {{"metadata", {{"goog-reserved-file-mtime", std::to_string(mtime)}}}};
      return api_.Call("PATCH", ObjectPath(there.entry.url()), {}, &body).status();
    };
    tasks_.push_back(std::move(task));
    return OkStatus();
  }

  static Status SetFileTime(const std::string& path, int64_t mtime) {
    timespec times[2] = {{mtime, 0}, {mtime, 0}};
    if (utimensat(AT_FDCWD, path.c_str(), times, 0) == 0) return OkStatus();
    return ErrnoStatus(errno, fmt::format("set the time of '{}'", path));
  }

  Status CopyOne(const std::string& name, const Item& item, const TransferReport& report) {
    if (to_.remote) {
      GsUrl target{to_.url.bucket, to_.url.object + name, ""};
      if (from_.remote) {
        RETURN_IF_ERROR(CopyObject(api_, item.entry, target, options_.settings).status());
        report.moved(item.size);
        return OkStatus();
      }
      UploadRequest request{
          .path = item.path, .to = target, .settings = options_.settings, .journal = &journal_};
      request.settings.metadata["goog-reserved-file-mtime"] = std::to_string(*item.mtime);
      return UploadFile(api_, request, report).status();
    }
    ASSIGN_OR_RETURN(std::string path, LocalPathFor(to_.folder, name));
    RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/')), 0777));
    if (!from_.remote) {
      ASSIGN_OR_RETURN(std::string bytes, ReadFile(item.path, SIZE_MAX / 2));
      ASSIGN_OR_RETURN(UniqueFd out,
                       OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
      RETURN_IF_ERROR(WriteAll(out.get(), bytes));
      return SetFileTime(path, *item.mtime);
    }
    DownloadRequest request{.from = item.entry,
                            .path = path,
                            .decompress = false,
                            .preserve_time = true,
                            .journal = &journal_};
    return DownloadFile(api_, request, report);
  }

  void PlanRemoval(const std::string& name, const Item& item) {
    if (options_.dry_run) {
      Say("Would remove " + to_.Text(name));
      return;
    }
    TransferTask task;
    task.label = "Removing " + to_.Text(name) + (gsutil_ ? "" : "...");
    task.run = [this, item](const TransferReport&) -> Status {
      if (item.path.empty()) return DeleteObject(api_, item.entry.url(), item.entry.generation);
      if (unlink(item.path.c_str()) == 0) return OkStatus();
      return ErrnoStatus(errno, fmt::format("remove '{}'", item.path));
    };
    tasks_.push_back(std::move(task));
  }

  Context& context_;
  Api& api_;
  const bool gsutil_;
  const SyncOptions options_;
  const Root from_;
  const Root to_;
  const TransferJournal journal_;
  std::vector<TransferTask> tasks_;
};

}  // namespace

Result<int> Synchronize(Context& context) {
  ASSIGN_OR_RETURN(SyncOptions options, OptionsOf(context));
  ASSIGN_OR_RETURN(Root from, ParseRoot(context.Positional(0)));
  ASSIGN_OR_RETURN(Root to, ParseRoot(context.Positional(1)));
  if (from.Text() == to.Text()) {
    return InvalidArgument("Source URL matches destination URL: " + from.Text());
  }
  ASSIGN_OR_RETURN(Api * api, context.ServerApi());
  return Synchronizer(context, *api, std::move(options), std::move(from), std::move(to)).Run();
}

}  // namespace hodei::cli
