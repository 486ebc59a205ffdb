#include "store/crash/testing/disk_trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <string_view>

namespace hodei::store::testing {
namespace {

using Kind = DiskEvent::Kind;

// Each call and its record are one step under the mutex: the trace has the order of the disk.
class Recorder {
 public:
  std::mutex mutex;
  std::atomic<bool> on{false};

  void Start(const std::string& folder) {
    const std::lock_guard lock(mutex);
    root_ = folder + "/";
    events_.clear();
    files_.clear();
    open_.clear();
    on = true;
  }

  std::vector<DiskEvent> Stop() {
    const std::lock_guard lock(mutex);
    on = false;
    return std::move(events_);
  }

  // The rest: with the mutex held.
  void Add(DiskEvent event) { events_.push_back(std::move(event)); }

  // The part below the root, or nothing.
  std::optional<std::string> Below(const char* path) const {
    const std::string_view text = path == nullptr ? "" : path;
    if (root_.size() == text.size() + 1 && root_.starts_with(text)) return std::string();
    if (!text.starts_with(root_)) return std::nullopt;
    return std::string(text.substr(root_.size()));
  }

  void Opened(int fd, const char* path, int flags) {
    const std::optional<std::string> name = Below(path);
    if (fd < 0 || !name) return;
    if ((flags & O_DIRECTORY) != 0 || IsFolder(fd)) {
      open_[fd] = {0, *name};
      return;
    }
    const auto known = files_.find(*name);
    if (known == files_.end()) {
      files_[*name] = ++last_file_;
      Add({.kind = Kind::kCreate, .path = *name, .file = last_file_});
    } else if ((flags & O_TRUNC) != 0) {
      Add({.kind = Kind::kTruncate, .file = known->second, .offset = 0});
    }
    open_[fd] = {files_[*name], *name};
  }

  void Closed(int fd) { open_.erase(fd); }

  void Wrote(int fd, const void* bytes, ssize_t size, int64_t offset) {
    const auto it = open_.find(fd);
    if (it == open_.end() || size <= 0) return;
    Add({.kind = Kind::kWrite,
         .file = it->second.file,
         .offset = offset,
         .bytes = std::string(static_cast<const char*>(bytes), static_cast<size_t>(size))});
  }

  void Truncated(int fd, int64_t size) {
    const auto it = open_.find(fd);
    if (it != open_.end()) {
      Add({.kind = Kind::kTruncate, .file = it->second.file, .offset = size});
    }
  }

  void Synced(int fd) {
    const auto it = open_.find(fd);
    if (it == open_.end()) return;
    if (it->second.file == 0) {
      Add({.kind = Kind::kSyncFolder, .path = it->second.path});
    } else {
      Add({.kind = Kind::kSync, .file = it->second.file});
    }
  }

  void Renamed(const char* from, const char* to) {
    const std::optional<std::string> old_name = Below(from);
    const std::optional<std::string> new_name = Below(to);
    if (!old_name || !new_name) return;
    if (const auto node = files_.extract(*old_name); !node.empty()) {
      files_[*new_name] = node.mapped();
    }
    Add({.kind = Kind::kRename, .path = *old_name, .target = *new_name});
  }

  void Linked(const char* from, const char* to) {
    const std::optional<std::string> old_name = Below(from);
    const std::optional<std::string> new_name = Below(to);
    if (!old_name || !new_name) return;
    files_[*new_name] = files_[*old_name];
    Add({.kind = Kind::kLink, .path = *old_name, .target = *new_name});
  }

  void Removed(const char* path) {
    const std::optional<std::string> name = Below(path);
    if (!name) return;
    files_.erase(*name);
    Add({.kind = Kind::kRemove, .path = *name});
  }

  void MadeFolder(const char* path) {
    if (const std::optional<std::string> name = Below(path)) {
      Add({.kind = Kind::kMakeFolder, .path = *name});
    }
  }

 private:
  static bool IsFolder(int fd) {
    struct stat facts {};
    return fstat(fd, &facts) == 0 && S_ISDIR(facts.st_mode);
  }

  struct Open {
    int file = 0;  // 0: a folder
    std::string path;
  };
  std::string root_;
  std::vector<DiskEvent> events_;
  std::map<std::string, int> files_;
  std::map<int, Open> open_;
  int last_file_ = 0;
};

Recorder& TheRecorder() {
  static Recorder* const recorder = new Recorder;  // calls come until the process ends
  return *recorder;
}

// Does `call`, and when the trace is on, `record` with its result.
template <typename Call, typename Record>
auto Pass(const Call& call, const Record& record) {
  Recorder& recorder = TheRecorder();
  if (!recorder.on.load(std::memory_order_acquire)) return call();
  const std::lock_guard lock(recorder.mutex);
  const auto result = call();
  const int saved = errno;
  if (result >= 0) record(recorder, result);
  errno = saved;
  return result;
}

int OpenAndRecord(const char* path, int flags, mode_t mode) {
  return Pass([&] { return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode)); },
              [&](Recorder& recorder, int fd) { recorder.Opened(fd, path, flags); });
}

ssize_t WriteAndRecord(int fd, const void* bytes, size_t size, std::optional<int64_t> offset) {
  return Pass(
      [&]() -> ssize_t {
        return offset ? syscall(SYS_pwrite64, fd, bytes, size, *offset)
                      : syscall(SYS_write, fd, bytes, size);
      },
      [&](Recorder& recorder, ssize_t n) {
        const int64_t at = offset ? *offset : syscall(SYS_lseek, fd, 0, SEEK_CUR) - n;
        recorder.Wrote(fd, bytes, n, at);
      });
}

int TruncateAndRecord(int fd, int64_t size) {
  return Pass([&] { return static_cast<int>(syscall(SYS_ftruncate, fd, size)); },
              [&](Recorder& recorder, int) { recorder.Truncated(fd, size); });
}

int SyncAndRecord(long call, int fd) {
  return Pass([&] { return static_cast<int>(syscall(call, fd)); },
              [&](Recorder& recorder, int) { recorder.Synced(fd); });
}

}  // namespace

void DiskTrace::Start(const std::string& folder) { TheRecorder().Start(folder); }

void DiskTrace::Mark(std::string text) {
  Recorder& recorder = TheRecorder();
  const std::lock_guard lock(recorder.mutex);
  recorder.Add({.kind = Kind::kMark, .bytes = std::move(text)});
}

std::vector<DiskEvent> DiskTrace::Stop() { return TheRecorder().Stop(); }

}  // namespace hodei::store::testing

// In place of the C library's; what takes no part in durability (reads, locks, mapped memory) is
// not here.
extern "C" {

using namespace hodei::store::testing;  // NOLINT

static mode_t ModeOf(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, int)) : 0;
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenAndRecord(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenAndRecord(path, flags, mode);
}

int close(int fd) {
  return Pass([&] { return static_cast<int>(syscall(SYS_close, fd)); },
              [&](auto& recorder, int) { recorder.Closed(fd); });
}

ssize_t write(int fd, const void* bytes, size_t size) {
  return WriteAndRecord(fd, bytes, size, std::nullopt);
}
ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return WriteAndRecord(fd, bytes, size, offset);
}
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) {
  return WriteAndRecord(fd, bytes, size, offset);
}

int ftruncate(int fd, off_t size) noexcept { return TruncateAndRecord(fd, size); }
int ftruncate64(int fd, off64_t size) noexcept { return TruncateAndRecord(fd, size); }
int fsync(int fd) { return SyncAndRecord(SYS_fsync, fd); }
int fdatasync(int fd) { return SyncAndRecord(SYS_fdatasync, fd); }

int rename(const char* from, const char* to) noexcept {
  return Pass([&] { return static_cast<int>(syscall(SYS_rename, from, to)); },
              [&](auto& recorder, int) { recorder.Renamed(from, to); });
}
int link(const char* from, const char* to) noexcept {
  return Pass([&] { return static_cast<int>(syscall(SYS_link, from, to)); },
              [&](auto& recorder, int) { recorder.Linked(from, to); });
}
int unlink(const char* path) noexcept {
  return Pass([&] { return static_cast<int>(syscall(SYS_unlink, path)); },
              [&](auto& recorder, int) { recorder.Removed(path); });
}
int mkdir(const char* path, mode_t mode) noexcept {
  return Pass([&] { return static_cast<int>(syscall(SYS_mkdir, path, mode)); },
              [&](auto& recorder, int) { recorder.MadeFolder(path); });
}

}  // extern "C"
