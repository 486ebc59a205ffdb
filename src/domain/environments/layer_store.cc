#include "domain/environments/layer_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fts.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>

#include "base/failpoint.h"
#include "base/random_id.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

constexpr char kMarker[] = "layer";
constexpr char kGonePrefix[] = ".gone-";
constexpr char kReportFile[] = "report";
constexpr size_t kAttemptBytesMax = 4096;

// A folder that the sandbox's uid writes to; the folders above it are closed to everyone else.
Status MakeWritableFolder(const std::string& path) {
  RETURN_IF_ERROR(MakeDirectories(path, 0700));
  if (chmod(path.c_str(), 0777) != 0) return ErrnoStatus(errno, "chmod '" + path + "'");
  return OkStatus();
}

Result<std::string> ReadReport(const std::string& folder) {
  std::string path = folder + "/" + kReportFile;
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::string();
    return ErrnoStatus(errno, "open '" + path + "'");
  }
  struct stat status;
  if (fstat(fd.get(), &status) != 0) return ErrnoStatus(errno, "fstat '" + path + "'");
  if (!S_ISREG(status.st_mode)) return InvalidArgument("the report of a build is not a file");
  std::string text(kReportBytesMax, '\0');
  ssize_t count = pread(fd.get(), text.data(), text.size(), 0);
  if (count < 0) return ErrnoStatus(errno, "read '" + path + "'");
  text.resize(count);
  return text;
}

}  // namespace

LayerStore::LayerStore(std::string cache_dir, std::string owner)
    : layers_dir_(cache_dir + "/layers"), builds_dir_(cache_dir + "/builds/" + owner) {}

Status LayerStore::Open() {
  RETURN_IF_ERROR(MakeDirectories(layers_dir_, 0700));
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(layers_dir_));
  for (const std::string& name : names) {
    if (name.starts_with(kGonePrefix)) RETURN_IF_ERROR(RemoveTree(LayerPath(name)));
  }
  return MakeDirectories(builds_dir_, 0700);
}

std::string LayerStore::LayerPath(std::string_view key) const {
  return fmt::format("{}/{}", layers_dir_, key);
}

bool LayerStore::IsPublished(std::string_view key) const {
  return FileExists(fmt::format("{}/{}", LayerPath(key), kMarker));
}

std::string LayerStore::TreePath(std::string_view key) const { return LayerPath(key) + "/tree"; }

Result<std::string> LayerStore::Report(std::string_view key) const {
  return ReadReport(LayerPath(key) + "/report");
}

Result<std::string> LayerStore::Report(const BuildFolder& build) const {
  return ReadReport(build.report());
}

Result<BuildFolder> LayerStore::Prepare(std::string_view key, std::string_view replica_id) const {
  BuildFolder build{.path = fmt::format("{}/{}", builds_dir_, replica_id),
                    .key = std::string(key),
                    .replica_id = std::string(replica_id)};
  RETURN_IF_ERROR(RemoveTree(build.path));
  RETURN_IF_ERROR(MakeDirectories(build.path, 0700));
  RETURN_IF_ERROR(MakeDirectories(build.input(), 0755));
  RETURN_IF_ERROR(MakeDirectories(build.log(), 0700));
  RETURN_IF_ERROR(MakeWritableFolder(build.tree()));
  RETURN_IF_ERROR(MakeWritableFolder(build.report()));
  RETURN_IF_ERROR(WriteFileDurably(build.path + "/attempt", key));
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("environments.build.prepared"));
  return build;
}

Result<std::vector<BuildFolder>> LayerStore::Builds() const {
  ASSIGN_OR_RETURN(std::vector<std::string> names, ListDirectory(builds_dir_));
  std::vector<BuildFolder> builds;
  for (const std::string& name : names) {
    BuildFolder build{.path = fmt::format("{}/{}", builds_dir_, name), .replica_id = name};
    // Without its attempt file the folder never got a replica: the empty key says so.
    auto key = ReadFile(build.path + "/attempt", kAttemptBytesMax);
    if (key.ok()) build.key = *key;
    builds.push_back(std::move(build));
  }
  return builds;
}

Status LayerStore::Publish(const BuildFolder& build) const {
  ASSIGN_OR_RETURN(UniqueFd folder, OpenFile(build.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Tens of thousands of files: one syncfs is quicker than an fsync each.
  if (syncfs(folder.get()) != 0) return ErrnoStatus(errno, "syncfs '" + build.path + "'");
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("environments.publish.synced"));
  RETURN_IF_ERROR(RemoveTree(build.input()));
  RETURN_IF_ERROR(WriteFileDurably(fmt::format("{}/{}", build.path, kMarker), build.key));
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("environments.publish.marked"));
  std::string target = LayerPath(build.key);
  if (rename(build.path.c_str(), target.c_str()) != 0) {
    int error = errno;
    if (error != EEXIST && error != ENOTEMPTY)
      return ErrnoStatus(error, "rename to '" + target + "'");
    if (IsPublished(build.key)) return Discard(build);
    // A folder without its marker is damage of the cache, not a layer.
    RETURN_IF_ERROR(RemoveTree(target));
    if (rename(build.path.c_str(), target.c_str()) != 0) {
      return ErrnoStatus(errno, "rename to '" + target + "'");
    }
  }
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("environments.publish.renamed"));
  RETURN_IF_ERROR(SyncDirectory(layers_dir_));
  return SyncDirectory(builds_dir_);
}

Status LayerStore::Discard(const BuildFolder& build) const { return RemoveTree(build.path); }

Status LayerStore::Remove(std::string_view key) const { return RemoveTree(LayerPath(key)); }

Result<std::vector<LayerStore::Layer>> LayerStore::Layers() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(layers_dir_));
  std::vector<Layer> layers;
  for (const std::string& name : names) {
    struct stat marker;
    if (stat(fmt::format("{}/{}", LayerPath(name), kMarker).c_str(), &marker) != 0) continue;
    if (name.starts_with(kGonePrefix)) continue;
    layers.push_back(
        {.key = name,
         .bytes = SizeOf(name),
         .last_used = {marker.st_mtim.tv_sec * 1'000'000'000 + marker.st_mtim.tv_nsec}});
  }
  return layers;
}

int64_t LayerStore::SizeOf(std::string_view key) const {
  const std::string path = LayerPath(key) + "/size";
  if (const auto text = ReadFile(path, 64); text.ok()) return std::atoll(text->c_str());
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  const int64_t bytes = Measure(TreePath(key), {.bytes = kAll, .entries = kAll}).bytes;
  (void)WriteFileDurably(path, std::to_string(bytes));
  return bytes;
}

void LayerStore::Touch(std::string_view key, WallTime now) const {
  const timespec time{now.unix_nanos / 1'000'000'000, now.unix_nanos % 1'000'000'000};
  const timespec times[] = {time, time};
  (void)utimensat(AT_FDCWD, fmt::format("{}/{}", LayerPath(key), kMarker).c_str(), times, 0);
}

Result<bool> LayerStore::RemoveUnused(std::string_view key) const {
  ASSIGN_OR_RETURN(const UniqueFd tree, OpenFile(TreePath(key), O_RDONLY | O_DIRECTORY));
  // By number: the header of flock() has the name of one of ours.
  if (syscall(SYS_flock, tree.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    return ErrnoStatus(errno, fmt::format("lock layer '{}'", key));
  }
  // The name leaves first: a layer is there completely or not at all.
  const std::string gone = LayerPath(kGonePrefix + RandomId());
  if (rename(LayerPath(key).c_str(), gone.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("remove layer '{}'", key));
  }
  RETURN_IF_ERROR(HODEI_FAILPOINT_STATUS("environments.layer.gone"));
  RETURN_IF_ERROR(RemoveTree(gone));
  return true;
}

LayerStore::Size LayerStore::TreeSize(const BuildFolder& build, Size limit) const {
  return Measure(build.tree(), limit);
}

LayerStore::Size LayerStore::Measure(std::string path, Size limit) {
  Size size;
  char* roots[] = {path.data(), nullptr};
  FTS* walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr);
  if (walk == nullptr) return size;
  while (FTSENT* entry = fts_read(walk)) {
    if (entry->fts_info == FTS_DP) continue;
    ++size.entries;
    if (entry->fts_statp != nullptr && entry->fts_info != FTS_NS) {
      size.bytes += entry->fts_statp->st_blocks * 512LL;
    }
    if (size.bytes > limit.bytes || size.entries > limit.entries) break;
  }
  fts_close(walk);
  return size;
}

int64_t LayerStore::FreeBytes() const {
  struct statvfs status;
  if (statvfs(builds_dir_.c_str(), &status) != 0) return std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(status.f_bavail) * static_cast<int64_t>(status.f_frsize);
}

}  // namespace hodei::environments
