#include "exec/sandbox/process_identity.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "sys/file.h"

namespace hodei::exec {
namespace {

struct flock WholeFile() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// State and start time out of /proc/PID/stat; the command in parentheses may hold anything.
std::optional<std::pair<char, uint64_t>> ReadStat(int64_t pid) {
  const auto text = ReadFile("/proc/" + std::to_string(pid) + "/stat", 4096);
  if (!text.ok()) return std::nullopt;
  const size_t close = text->rfind(')');
  if (close == std::string::npos || close + 2 >= text->size()) return std::nullopt;
  const char state = (*text)[close + 2];
  size_t at = close + 2;
  for (int field = 3; field < 22; ++field) {
    at = text->find(' ', at);
    if (at == std::string::npos) return std::nullopt;
    ++at;
  }
  return std::make_pair(state, std::strtoull(text->c_str() + at, nullptr, 10));
}

}  // namespace

std::string CurrentBootId() {
  auto text = ReadFile("/proc/sys/kernel/random/boot_id", 256);
  if (!text.ok()) return "";
  while (!text->empty() && text->back() == '\n') text->pop_back();
  return *text;
}

std::optional<uint64_t> StartTicks(int64_t pid) {
  const auto stat = ReadStat(pid);
  if (!stat) return std::nullopt;
  return stat->second;
}

UniqueFd OpenSupervisor(const ReplicaState& state) {
  if (state.boot_id != CurrentBootId()) return UniqueFd();
  UniqueFd pidfd(static_cast<int>(syscall(SYS_pidfd_open, state.pid, 0)));
  if (!pidfd) return pidfd;
  // Compared after opening: from here on the fd stays with the process we looked at.
  const auto stat = ReadStat(state.pid);
  if (!stat || stat->second != state.start_ticks || stat->first == 'Z' || stat->first == 'X') {
    return UniqueFd();
  }
  return pidfd;
}

bool SignalProcess(const UniqueFd& pidfd, int signal) {
  return pidfd && syscall(SYS_pidfd_send_signal, pidfd.get(), signal, nullptr, 0) == 0;
}

bool TryLock(int fd) {
  struct flock lock = WholeFile();
  return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool IsLocked(int fd) {
  struct flock lock = WholeFile();
  return fcntl(fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

}  // namespace hodei::exec
