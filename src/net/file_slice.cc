#include "net/file_slice.h"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace hodei::net {
namespace {

// File systems that do not know the question answer EOPNOTSUPP: memory-backed ones, mostly.
bool IsByteCached(int fd, uint64_t offset) {
  char byte = 0;
  iovec part{&byte, 1};
  const ssize_t n = preadv2(fd, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return n >= 0 || errno != EAGAIN;
}

}  // namespace

bool IsPageCached(int fd, uint64_t offset, uint64_t length) {
  return IsByteCached(fd, offset) && (length == 0 || IsByteCached(fd, offset + length - 1));
}

void ReadAheadSlice(int fd, uint64_t offset, uint64_t length) {
  std::vector<char> scratch(static_cast<size_t>(std::min<uint64_t>(length, 256 * 1024)));
  const uint64_t end = offset + length;
  while (offset < end) {
    const auto n = static_cast<size_t>(std::min<uint64_t>(scratch.size(), end - offset));
    const ssize_t got = pread(fd, scratch.data(), n, static_cast<off_t>(offset));
    if (got <= 0) return;
    offset += static_cast<uint64_t>(got);
  }
}

bool ReadFileSlice(int fd, uint64_t offset, std::string* bytes) {
  size_t done = 0;
  while (done < bytes->size()) {
    const ssize_t n =
        pread(fd, bytes->data() + done, bytes->size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return true;
}

}  // namespace hodei::net
