#include "sys/file_lock.h"

#include <fcntl.h>

#include <cerrno>
#include <thread>

namespace hodei {

Status LockFile(int fd, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kStep{20};
  struct flock whole {};
  whole.l_type = F_WRLCK;
  for (std::chrono::milliseconds waited{0};; waited += kStep) {
    if (fcntl(fd, F_OFD_SETLK, &whole) == 0) return OkStatus();
    if (errno != EAGAIN && errno != EACCES) return ErrnoStatus(errno, "lock a file");
    if (waited >= patience) return Unavailable("the file is locked by another process");
    std::this_thread::sleep_for(kStep);  // a lock of this kind cannot be waited for with a deadline
  }
}

}  // namespace hodei
