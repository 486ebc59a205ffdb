#include "exec/sandbox/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/random_id.h"
#include "exec/sandbox/run_program.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr int64_t kSmallestImage = 16LL << 20;  // ext4 needs some room for itself
constexpr int kLoopAttempts = 64;

}  // namespace

Result<std::string> ScratchTemplate(const std::string& folder, int64_t bytes) {
  const int64_t size = std::max(bytes, kSmallestImage) / 4096 * 4096;
  const std::string path = fmt::format("{}/scratch-{}.ext4", folder, size);
  if (FileExists(path)) return path;
  RETURN_IF_ERROR(MakeDirectories(folder));
  const std::string temporary = path + ".tmp-" + RandomId(12);
  const auto make = [&]() -> Status {
    ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(temporary, O_RDWR | O_CREAT | O_EXCL));
    if (ftruncate(fd.get(), size) != 0) return ErrnoStatus(errno, "size scratch image");
    RETURN_IF_ERROR(
        RunProgram({"/usr/sbin/mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m0", "-b", "4096",
                    "-E", "lazy_itable_init=1,nodiscard,root_owner=0:0", temporary})
            .status());
    if (rename(temporary.c_str(), path.c_str()) != 0) return ErrnoStatus(errno, "rename");
    return OkStatus();
  };
  const Status made = make();
  if (!made.ok()) {
    unlink(temporary.c_str());
    return Annotate(made, "format scratch image");
  }
  return path;
}

Status CopySparse(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(const UniqueFd in, OpenFile(from, O_RDONLY));
  ASSIGN_OR_RETURN(const UniqueFd out, OpenFile(to, O_RDWR | O_CREAT | O_TRUNC));
  struct stat st {};
  if (fstat(in.get(), &st) != 0 || ftruncate(out.get(), st.st_size) != 0) {
    return ErrnoStatus(errno, fmt::format("size '{}'", to));
  }
  for (off_t at = 0; at < st.st_size;) {
    const off_t begin = lseek(in.get(), at, SEEK_DATA);
    if (begin < 0) break;  // ENXIO: only a hole is left
    const off_t end = lseek(in.get(), begin, SEEK_HOLE);
    off_t from_at = begin;
    if (lseek(out.get(), begin, SEEK_SET) < 0) return ErrnoStatus(errno, "lseek");
    while (from_at < end) {
      const ssize_t n = sendfile(out.get(), in.get(), &from_at, static_cast<size_t>(end - from_at));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return ErrnoStatus(errno, fmt::format("copy to '{}'", to));
    }
    at = end;
  }
  return OkStatus();
}

Result<UniqueFd> AttachLoop(const std::string& image, std::string* device) {
  ASSIGN_OR_RETURN(const UniqueFd control, OpenFile("/dev/loop-control", O_RDWR));
  ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(image, O_RDWR));
  struct loop_config config {};
  config.fd = static_cast<uint32_t>(file.get());
  config.block_size = 4096;
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  for (int attempt = 0; attempt < kLoopAttempts; ++attempt) {
    const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) return ErrnoStatus(errno, "find a free loop device");
    *device = fmt::format("/dev/loop{}", number);
    auto loop = OpenFile(*device, O_RDWR);
    if (!loop.ok() && loop.status().code() == Code::kNotFound) {
      // A machine without udev: make the node.
      (void)mknod(device->c_str(), S_IFBLK | 0600, makedev(7, number));
      loop = OpenFile(*device, O_RDWR);
    }
    if (!loop.ok()) return loop.status();
    if (ioctl(loop->get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (errno != EBUSY) return ErrnoStatus(errno, fmt::format("attach '{}'", *device));
    // Somebody else took it between the two calls.
  }
  return Unavailable("no free loop device");
}

}  // namespace hodei::exec
