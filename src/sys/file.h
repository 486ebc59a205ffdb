// Files the server itself owns. Paths are built from our own ids, never from a user's string.
// All calls block and are safe from any thread; errors name the call and the path.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei {

// The whole file; RESOURCE_EXHAUSTED when it is larger than `limit_bytes`.
Result<std::string> ReadFile(const std::string& path, size_t limit_bytes = 64 << 20);
// Replaces `path` so that after success the new bytes survive power loss, and after a failure or a
// crash the old ones do: write a temporary file beside it, fsync, rename, fsync the directory.
Status WriteFileDurably(const std::string& path, std::string_view bytes, mode_t mode = 0600);
// From now on nothing that this process writes through this file waits for the disk: for a server
// whose folder goes away with it. Before other threads start.
void SkipDiskSyncs();
// Creates every missing folder of `path` with `mode`; fine when it exists.
Status MakeDirectories(const std::string& path, mode_t mode = 0700);
// fsync of the folder, which makes names created or removed in it durable.
Status SyncDirectory(const std::string& path);
// All bytes to `fd`, retrying short writes and EINTR.
Status WriteAll(int fd, std::string_view bytes);
Result<UniqueFd> OpenFile(const std::string& path, int flags, mode_t mode = 0600);
bool FileExists(const std::string& path);
// Names in the folder without "." and "..", sorted.
Result<std::vector<std::string>> ListDirectory(const std::string& path);
// Removes `path` and everything below it without following symbolic links; fine when absent.
Status RemoveTree(const std::string& path);

// A folder under $TMPDIR that is removed with this object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace hodei
