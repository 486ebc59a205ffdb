#include "exec/local/replica_socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace hodei::exec {
namespace {

constexpr size_t kNameMaxBytes = 100;

bool IsPlainName(const std::string& name) {
  return !name.empty() && name.size() <= kNameMaxBytes && name != "." && name != ".." &&
         name.find('/') == std::string::npos && name.find('\0') == std::string::npos;
}

}  // namespace

Result<UniqueFd> OpenSocketOf(int64_t pid, const std::string& name) {
  if (!IsPlainName(name)) return InvalidArgument(fmt::format("'{}' is no socket name", name));
  const std::string root = fmt::format("/proc/{}/root", pid);
  const UniqueFd folder(open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) {
    if (errno == ENOENT) return Unavailable("the replica has ended");
    return ErrnoStatus(errno, fmt::format("open '{}'", root));
  }
  open_how how{};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  // The replica can put a link of any kind there; none may lead out of its own tree.
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const std::string path = "work/" + name;
  UniqueFd socket(
      static_cast<int>(syscall(SYS_openat2, folder.get(), path.c_str(), &how, sizeof how)));
  if (!socket) {
    if (errno == ELOOP || errno == EXDEV) {
      return FailedPrecondition(fmt::format("the replica's '{}' is a link", name));
    }
    return ErrnoStatus(errno, fmt::format("open the replica's '{}'", name));
  }
  struct stat st {};
  if (fstat(socket.get(), &st) != 0) return ErrnoStatus(errno, "fstat");
  // O_PATH with O_NOFOLLOW opens a link itself.
  if (!S_ISSOCK(st.st_mode)) {
    return FailedPrecondition(fmt::format("the replica's '{}' is no socket", name));
  }
  return socket;
}

}  // namespace hodei::exec
