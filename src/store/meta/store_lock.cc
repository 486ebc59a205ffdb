#include "store/meta/store_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "sys/file.h"
#include "sys/file_lock.h"

namespace hodei::store {
namespace {

constexpr std::string_view kInitialized = "database made\n";
constexpr std::string_view kClean = "stopped cleanly\n";
constexpr size_t kMaxLockBytes = 4096;

// The holder's pid as the lock file tells it; "unknown" while it is being written.
std::string HolderPid(std::string_view content) {
  const size_t start = content.find("pid ");
  if (start == std::string_view::npos) return "unknown";
  const std::string_view rest = content.substr(start + 4);
  return std::string(rest.substr(0, rest.find('\n')));
}

}  // namespace

Result<StoreLock> StoreLock::Take(const std::string& path) {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  const Status taken = LockFile(fd.get());
  ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kMaxLockBytes));
  if (taken.code() == Code::kUnavailable) {
    return FailedPrecondition(
        fmt::format("the data folder is in use by another server (pid {}, lock '{}'); stop that "
                    "one, or give this one a folder of its own with --data",
                    HolderPid(content), path));
  }
  if (!taken.ok()) return Annotate(taken, fmt::format("lock '{}'", path));
  StoreLock lock(path, std::move(fd));
  lock.initialized_ = content.find(kInitialized) != std::string::npos;
  lock.was_clean_ = content.find(kClean) != std::string::npos;
  // What the last holder left stays noted until MarkInUse(): this start may yet be refused.
  RETURN_IF_ERROR(lock.Rewrite(lock.was_clean_));
  return lock;
}

Status StoreLock::MarkInUse() {
  initialized_ = true;
  return Rewrite(false);
}

Status StoreLock::MarkClean() { return Rewrite(true); }

Status StoreLock::Rewrite(bool clean) {
  // Not truncated first: the mark must be there at every moment, and it comes first.
  const std::string content =
      fmt::format("{}pid {}\n{}", initialized_ ? kInitialized : std::string_view(), getpid(),
                  clean ? kClean : std::string_view());
  if (pwrite(fd_.get(), content.data(), content.size(), 0) !=
      static_cast<ssize_t>(content.size())) {
    return ErrnoStatus(errno, fmt::format("write '{}'", path_));
  }
  if (ftruncate(fd_.get(), static_cast<off_t>(content.size())) != 0) {
    return ErrnoStatus(errno, fmt::format("truncate '{}'", path_));
  }
  if (fsync(fd_.get()) != 0) return ErrnoStatus(errno, fmt::format("fsync '{}'", path_));
  return OkStatus();
}

}  // namespace hodei::store
