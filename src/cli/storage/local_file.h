// A regular file as the source of an upload.
#pragma once

#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::cli {

class LocalFile {
 public:
  // INVALID_ARGUMENT for anything but a regular file.
  static Result<LocalFile> Open(const std::string& path);
  // A gzip of the file, in a temporary file that has no name and goes with this object.
  static Result<LocalFile> OpenCompressed(const std::string& path);

  const std::string& path() const { return path_; }
  uint64_t size() const { return size_; }
  int64_t mtime_nanos() const { return mtime_nanos_; }
  int64_t mtime_seconds() const { return mtime_nanos_ / 1'000'000'000; }
  // Up to `limit` bytes at `offset`; fewer only at the end of the file.
  Result<std::string> ReadAt(uint64_t offset, size_t limit) const;
  // ABORTED when the file is not what it was when it was opened.
  Status CheckUnchanged() const;

 private:
  std::string path_;
  uint64_t size_ = 0;
  int64_t mtime_nanos_ = 0;
  UniqueFd fd_;
};

// Writes what the gzip stream in the open file `in` holds to `out`. DATA_LOSS when it is damaged.
Status Gunzip(int in, int out);

}  // namespace hodei::cli
