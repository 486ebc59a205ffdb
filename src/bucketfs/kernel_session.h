// Speaks the kernel's side of FUSE (linux/fuse.h) on an open /dev/fuse that is mounted already, for
// a FileSystem. The kernel is trusted; what it passes on is the job's.
#pragma once

#include <cstddef>

#include "bucketfs/file_system.h"
#include "sys/unique_fd.h"

namespace hodei::bucketfs {

class KernelSession {
 public:
  static constexpr size_t kMaxWriteBytes = 1 << 20;

  // Files belong to this user and group.
  KernelSession(UniqueFd device, FileSystem* files, uint32_t uid, uint32_t gid);
  // Serves with `threads` threads until the file system is unmounted. 0, or an errno.
  int Run(int threads);

 private:
  struct Request;
  int Serve();
  int Dispatch(const Request& request);
  int DispatchFiles(const Request& request);
  int DispatchNames(const Request& request);
  int Init(const Request& request);
  int ReadFolder(const Request& request);
  int Read(const Request& request);
  int OpenFile(const Request& request);
  int CreateFile(const Request& request);
  int ReplyEntry(const Request& request, int error, const Attributes& attributes);
  int ReplyAttributes(const Request& request, int error, const Attributes& attributes);
  int ReplyStatistics(const Request& request);
  int Reply(const Request& request, int error, const void* bytes = nullptr, size_t size = 0);

  const UniqueFd device_;
  FileSystem* const files_;
  const uint32_t uid_;
  const uint32_t gid_;
};

}  // namespace hodei::bucketfs
