#include "exec/sandbox/scratch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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

// Holes stay holes.
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

// Attaches the image to a free loop device that detaches itself with its last user; the descriptor
// keeps it until then.
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

// The new mount system calls: glibc has their wrappers only since 2.36.
constexpr unsigned kFsopenCloexec = 1;
constexpr unsigned kFsmountCloexec = 1;
constexpr unsigned kSetFlag = 0;    // FSCONFIG_SET_FLAG
constexpr unsigned kSetString = 1;  // FSCONFIG_SET_STRING
constexpr unsigned kCreate = 6;     // FSCONFIG_CMD_CREATE
constexpr unsigned kMountNosuid = 2;
constexpr unsigned kMountNodev = 4;
constexpr unsigned kMountNoatime = 0x10;

Result<UniqueFd> MountDetached(const std::string& device) {
  const UniqueFd context(static_cast<int>(syscall(SYS_fsopen, "ext4", kFsopenCloexec)));
  if (!context) return ErrnoStatus(errno, "fsopen ext4");
  const auto configure = [&](unsigned command, const char* key, const char* value) {
    return syscall(SYS_fsconfig, context.get(), command, key, value, 0) == 0;
  };
  // Tables that nobody zeroes in the background: the image lives for one job.
  if (!configure(kSetString, "source", device.c_str()) ||
      !configure(kSetFlag, "noinit_itable", nullptr) || !configure(kCreate, nullptr, nullptr)) {
    return ErrnoStatus(errno, fmt::format("open the file system on '{}'", device));
  }
  UniqueFd mount(static_cast<int>(syscall(SYS_fsmount, context.get(), kFsmountCloexec,
                                          kMountNosuid | kMountNodev | kMountNoatime)));
  if (!mount) return ErrnoStatus(errno, fmt::format("mount '{}'", device));
  return mount;
}

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

Result<UniqueFd> MakeScratchVolume(const std::string& scratch_template, const std::string& image) {
  Status copied = CopySparse(scratch_template, image);
  std::string device;
  Result<UniqueFd> loop = copied.ok() ? AttachLoop(image, &device) : Result<UniqueFd>(copied);
  // The open loop device is all that needs the image: its blocks are freed whatever happens.
  unlink(image.c_str());
  RETURN_IF_ERROR(loop.status());
  ASSIGN_OR_RETURN(UniqueFd mount, MountDetached(device));
  // lost+found tells the job nothing; its inodes are the job's to fill.
  (void)unlinkat(mount.get(), "lost+found", AT_REMOVEDIR);
  for (const char* name : {"work", "tmp"}) {
    if (mkdirat(mount.get(), name, 0700) != 0) return ErrnoStatus(errno, "prepare scratch");
  }
  return mount;
}

}  // namespace hodei::exec
