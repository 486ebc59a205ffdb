#include "store/object/removal_gate.h"

#include <fcntl.h>

#include "store/object/file_contents.h"
#include "sys/file.h"

namespace hodei::store {

bool RemovalGate::Pass(const std::function<void()>& remove) {
  if (!fd_) {
    Result<UniqueFd> opened = OpenFile(directory_ + kRemovalLockName, O_RDWR | O_CREAT);
    if (!opened.ok()) return false;
    fd_ = *std::move(opened);
  }
  if (!SetLock(F_RDLCK)) return false;
  remove();
  (void)SetLock(F_UNLCK);
  return true;
}

bool RemovalGate::SetLock(int16_t type) const {
  struct flock whole {};
  whole.l_type = type;
  whole.l_whence = SEEK_SET;
  return fcntl(fd_.get(), F_OFD_SETLK, &whole) == 0;
}

}  // namespace hodei::store
