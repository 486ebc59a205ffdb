#include "sys/unique_fd.h"

#include <unistd.h>

namespace hodei {

void UniqueFd::Reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace hodei
