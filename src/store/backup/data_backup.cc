#include "store/backup/data_backup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <climits>

#include "store/backup/sqlite_snapshot.h"
#include "store/object/local_files.h"
#include "sys/file.h"

namespace hodei::store {
namespace {

constexpr size_t kCopyPieceBytes = 1 << 20;
constexpr int kTreeDepthLimit = 16;
// Beside the databases and the objects.
constexpr std::array<std::string_view, 4> kKept = {"logs", "tls", "credentials", "page-token.key"};

bool IsDirectory(const std::string& path) {
  struct stat facts {};
  return lstat(path.c_str(), &facts) == 0 && S_ISDIR(facts.st_mode);
}

// A link to a file beside it, as trust stores name their certificates by hash. A link elsewhere is
// none of ours and would say nothing in another place: it is left out.
Status CopyLink(const std::string& from, const std::string& to) {
  std::string target(NAME_MAX + 1, '\0');
  const ssize_t n = readlink(from.c_str(), target.data(), target.size());
  if (n < 0) return errno == ENOENT ? OkStatus() : ErrnoStatus(errno, "read the link " + from);
  target.resize(static_cast<size_t>(n));
  if (target.size() > NAME_MAX || target.find('/') != std::string::npos) return OkStatus();
  if (symlink(target.c_str(), to.c_str()) != 0) return ErrnoStatus(errno, "make the link " + to);
  return OkStatus();
}

// Regular files as long as they are now; a file that is gone when its turn comes is left out.
Status CopyOne(const std::string& from, const std::string& to) {
  struct stat kind {};
  if (lstat(from.c_str(), &kind) == 0 && S_ISLNK(kind.st_mode)) return CopyLink(from, to);
  Result<UniqueFd> in = OpenFile(from, O_RDONLY | O_NOFOLLOW);
  if (in.status().code() == Code::kNotFound) return OkStatus();
  RETURN_IF_ERROR(in.status());
  struct stat facts {};
  if (fstat(in->get(), &facts) != 0) return ErrnoStatus(errno, "stat " + from);
  if (!S_ISREG(facts.st_mode)) return OkStatus();
  ASSIGN_OR_RETURN(const UniqueFd out,
                   OpenFile(to, O_WRONLY | O_CREAT | O_EXCL, facts.st_mode & 0777));
  std::string piece(kCopyPieceBytes, '\0');
  for (off_t left = facts.st_size; left > 0;) {
    const ssize_t n =
        read(in->get(), piece.data(), std::min<size_t>(piece.size(), static_cast<size_t>(left)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read " + from);
    if (n == 0) break;
    RETURN_IF_ERROR(WriteAll(out.get(), std::string_view(piece.data(), static_cast<size_t>(n))));
    left -= n;
  }
  if (fsync(out.get()) != 0) return ErrnoStatus(errno, "fsync " + to);
  return OkStatus();
}

Status CopyTree(const std::string& from, const std::string& to, int depth = 0) {
  if (depth > kTreeDepthLimit) return FailedPrecondition("too deep a folder: " + from);
  if (!IsDirectory(from)) return CopyOne(from, to);
  struct stat facts {};
  if (stat(from.c_str(), &facts) != 0) {
    return errno == ENOENT ? OkStatus() : ErrnoStatus(errno, "stat " + from);
  }
  RETURN_IF_ERROR(MakeDirectories(to, facts.st_mode & 0777));
  const Result<std::vector<std::string>> names = ListDirectory(from);
  // A log whose time was over just now.
  if (names.status().code() == Code::kNotFound) return OkStatus();
  RETURN_IF_ERROR(names.status());
  for (const std::string& name : *names) {
    RETURN_IF_ERROR(CopyTree(from + "/" + name, to + "/" + name, depth + 1));
  }
  return SyncDirectory(to);
}

Status SyncFileAt(const std::string& path) {
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  return fsync(fd.get()) == 0 ? OkStatus() : ErrnoStatus(errno, "fsync " + path);
}

Status FillBackup(const std::string& data, const std::string& target, const FolderOptions& options,
                  BackupReport* report) {
  const std::string objects = data + "/objects";
  // From here on nothing that the snapshot refers to is removed.
  ASSIGN_OR_RETURN(const UniqueFd pause, PauseRemovals(objects));
  const auto start = std::chrono::steady_clock::now();
  ASSIGN_OR_RETURN(const std::unique_ptr<SqliteSnapshot> snapshot,
                   SqliteSnapshot::Take({data + "/meta.db", objects + "/objects.db"}));
  report->paused_millis =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  RETURN_IF_ERROR(MakeDirectories(target + "/objects"));
  RETURN_IF_ERROR(snapshot->CopyTo(0, target + "/meta.db"));
  RETURN_IF_ERROR(snapshot->CopyTo(1, target + "/objects/objects.db"));
  ASSIGN_OR_RETURN(const ContentCopy copied, CopyContents(target + "/objects/objects.db", objects,
                                                          target + "/objects", options));
  report->contents = copied.files;
  report->linked = copied.linked;
  for (const std::string_view name : kKept) {
    const std::string from = fmt::format("{}/{}", data, name);
    if (FileExists(from)) RETURN_IF_ERROR(CopyTree(from, fmt::format("{}/{}", target, name)));
  }
  RETURN_IF_ERROR(SyncFileAt(target + "/meta.db"));
  RETURN_IF_ERROR(SyncFileAt(target + "/objects/objects.db"));
  RETURN_IF_ERROR(SyncDirectory(target + "/objects"));
  return SyncDirectory(target);
}

std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes `to` by `fill`, under another name until it is whole.
Status MakeWhole(const std::string& to, const std::function<Status(const std::string&)>& fill) {
  const std::string unfinished = to + ".unfinished";
  RETURN_IF_ERROR(RemoveTree(unfinished));
  RETURN_IF_ERROR(MakeDirectories(unfinished));
  Status status = fill(unfinished);
  if (status.ok() && rename(unfinished.c_str(), to.c_str()) != 0) {
    status = ErrnoStatus(errno, "rename to " + to);
  }
  if (status.ok()) return SyncDirectory(ParentOf(to));
  (void)RemoveTree(unfinished);
  return status;
}

Status CheckIsData(const std::string& data) {
  if (FileExists(data + "/meta.db") && FileExists(data + "/objects/objects.db")) return OkStatus();
  return NotFound(fmt::format("'{}' is not a data folder: it has no meta.db or no objects", data));
}

}  // namespace

Result<BackupReport> CreateBackup(const std::string& data, const std::string& to,
                                  const FolderOptions& options) {
  RETURN_IF_ERROR(CheckIsData(data));
  if (FileExists(to))
    return AlreadyExists(fmt::format("'{}' is there already: name a folder that is not", to));
  BackupReport report;
  RETURN_IF_ERROR_CTX(MakeWhole(to,
                                [&](const std::string& target) {
                                  return FillBackup(data, target, options, &report);
                                }),
                      fmt::format("back up '{}'", data));
  return report;
}

Status RestoreBackup(const std::string& backup, const std::string& to,
                     const ByteProgress& progress) {
  RETURN_IF_ERROR(CheckIsData(backup));
  if (FileExists(to)) {
    ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(to));
    if (!names.empty()) {
      return AlreadyExists(
          fmt::format("'{}' is not empty, and a restore never mixes with what is there: name a new "
                      "folder",
                      to));
    }
  }
  RETURN_IF_ERROR(MakeWhole(to, [&](const std::string& target) -> Status {
    RETURN_IF_ERROR(CopyTree(backup, target));
    ASSIGN_OR_RETURN(const FsckReport report,
                     CheckData(target, {.remote = std::nullopt, .progress = progress}));
    if (report.problems.empty()) return OkStatus();
    return DataLoss(fmt::format("the backup '{}' is damaged: {} problems, the first: {}", backup,
                                report.problems.size(), report.problems.front()));
  }));
  return OkStatus();
}

Result<FsckReport> CheckData(const std::string& data, const FolderOptions& options) {
  RETURN_IF_ERROR(CheckIsData(data));
  RETURN_IF_ERROR(CheckDatabase(data + "/meta.db"));
  RETURN_IF_ERROR(CheckDatabase(data + "/objects/objects.db"));
  return FsckObjectStoreFolder(data + "/objects", options);
}

}  // namespace hodei::store
