// hodei-bucketfs PROJECT: serves a job's buckets as files. Started by the supervisor beside the
// sandbox, as the job's host user and within its control groups, with
//   fd 3   /dev/fuse, mounted
//   fd 4   the job's socket folder: api.sock there says who we are
// It ends when the sandbox's mounts are gone.
#include <unistd.h>

#include <csignal>
#include <cstdio>

#include "bucketfs/kernel_session.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: hodei-bucketfs PROJECT (started by hodei-supervisor)\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  constexpr int kDeviceFd = 3;
  constexpr int kThreads = 4;
  // Through the descriptor: the folders above it are closed to us.
  hodei::bucketfs::FileSystem files(
      hodei::bucketfs::MakeHttpBucketClient("unix:/proc/self/fd/4/api.sock", argv[1]));
  hodei::bucketfs::KernelSession session(hodei::UniqueFd(kDeviceFd), &files, getuid(), getgid());
  return session.Run(kThreads) == 0 ? 0 : 1;
}
