#include "sys/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/random_id.h"

namespace hodei {
namespace {

// A property of the process, like its umask.
bool skip_disk_syncs = false;

int SyncFd(int fd) { return skip_disk_syncs ? 0 : fsync(fd); }

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Removes what `name` (relative to `dir_fd`) is, depth first, never through a symbolic link.
Status RemoveAt(int dir_fd, const char* name, const std::string& shown) {
  if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT) return OkStatus();
  if (errno != EISDIR && errno != EPERM)
    return ErrnoStatus(errno, fmt::format("unlink '{}'", shown));
  UniqueFd fd(openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, fmt::format("open '{}'", shown));
  DIR* dir = fdopendir(dup(fd.get()));
  if (dir == nullptr) return ErrnoStatus(errno, fmt::format("read '{}'", shown));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view child = entry->d_name;
    if (child != "." && child != "..") names.emplace_back(child);
  }
  closedir(dir);
  for (const std::string& child : names) {
    RETURN_IF_ERROR(RemoveAt(fd.get(), child.c_str(), shown + "/" + child));
  }
  if (unlinkat(dir_fd, name, AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, fmt::format("rmdir '{}'", shown));
  }
  return OkStatus();
}

}  // namespace

void SkipDiskSyncs() { skip_disk_syncs = true; }

Result<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode) {
  UniqueFd fd(open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return ErrnoStatus(errno, fmt::format("open '{}'", path));
  return fd;
}

Result<std::string> ReadFile(const std::string& path, size_t limit_bytes) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY));
  std::string out;
  char buffer[65536];
  for (;;) {
    const ssize_t n = read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, fmt::format("read '{}'", path));
    if (n == 0) return out;
    out.append(buffer, static_cast<size_t>(n));
    if (out.size() > limit_bytes) {
      return ResourceExhausted(fmt::format("'{}' is larger than {} bytes", path, limit_bytes));
    }
  }
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return OkStatus();
}

Status SyncDirectory(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDONLY | O_DIRECTORY));
  if (SyncFd(fd.get()) != 0) return ErrnoStatus(errno, fmt::format("fsync '{}'", path));
  return OkStatus();
}

Status WriteFileDurably(const std::string& path, std::string_view bytes, mode_t mode) {
  const std::string temporary = path + ".tmp-" + RandomId(12);
  const auto write = [&]() -> Status {
    ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    RETURN_IF_ERROR_CTX(WriteAll(fd.get(), bytes), fmt::format("write '{}'", path));
    if (SyncFd(fd.get()) != 0) return ErrnoStatus(errno, fmt::format("fsync '{}'", path));
    if (rename(temporary.c_str(), path.c_str()) != 0) {
      return ErrnoStatus(errno, fmt::format("rename to '{}'", path));
    }
    return SyncDirectory(ParentOf(path));
  };
  Status status = write();
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

Status MakeDirectories(const std::string& path, mode_t mode) {
  if (path.empty() || path == "/") return OkStatus();
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return OkStatus();
  if (errno != ENOENT) return ErrnoStatus(errno, fmt::format("mkdir '{}'", path));
  RETURN_IF_ERROR(MakeDirectories(ParentOf(path), mode));
  if (mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return OkStatus();
  return ErrnoStatus(errno, fmt::format("mkdir '{}'", path));
}

bool FileExists(const std::string& path) {
  struct stat st {};
  return lstat(path.c_str(), &st) == 0;
}

Result<std::vector<std::string>> ListDirectory(const std::string& path) {
  DIR* dir = opendir(path.c_str());
  if (dir == nullptr) return ErrnoStatus(errno, fmt::format("read folder '{}'", path));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

Status RemoveTree(const std::string& path) { return RemoveAt(AT_FDCWD, path.c_str(), path); }

TemporaryDirectory::TemporaryDirectory() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base == nullptr || *base == '\0' ? "/tmp" : base) + "/hodei-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr) std::abort();
}

TemporaryDirectory::~TemporaryDirectory() { (void)RemoveTree(path_).ok(); }

}  // namespace hodei
