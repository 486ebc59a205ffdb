#include "store/sqlite/disk_reserve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "sys/file.h"

namespace hodei::store {

Status DiskReserve::Hold() {
  if (held_) return OkStatus();
  ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path_, O_WRONLY | O_CREAT, 0600));
  if (const int error = posix_fallocate(fd.get(), 0, bytes_); error != 0) {
    Release();  // half of it would be missed by those who need it now
    return ErrnoStatus(error, fmt::format("reserve {} bytes in '{}'", bytes_, path_));
  }
  held_ = true;
  return OkStatus();
}

void DiskReserve::Release() {
  unlink(path_.c_str());
  held_ = false;
}

}  // namespace hodei::store
