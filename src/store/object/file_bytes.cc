#include "store/object/file_bytes.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace hodei::store {

Status WriteAt(int fd, std::string_view bytes, uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write");
    bytes.remove_prefix(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return OkStatus();
}

Result<std::string> ReadAt(int fd, uint64_t offset, size_t size) {
  std::string bytes(size, '\0');
  size_t done = 0;
  while (done < size) {
    const ssize_t n =
        pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read");
    if (n == 0) return DataLoss("the file is cut short");
    done += static_cast<size_t>(n);
  }
  return bytes;
}

Result<std::string> ReadSlice(const FileSlice& slice, uint64_t offset, size_t size) {
  if (offset >= slice.length) return std::string();
  size = std::min<uint64_t>(size, slice.length - offset);
  if (slice.filler != nullptr) RETURN_IF_ERROR(slice.filler->Fill(slice.offset + offset, size));
  return ReadAt(slice.fd.get(), slice.offset + offset, size);
}

}  // namespace hodei::store
