// The lock file beside a database: one server at a time (fault F25), and the memory that a database
// was made here once, so that a missing one is never replaced by an empty one (fault F13).
#pragma once

#include <string>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::store {

class StoreLock {
 public:
  // Takes `path`, making it when it is missing. FAILED_PRECONDITION, naming the holder's pid, when
  // another process has it. Released when this object or the process dies.
  static Result<StoreLock> Take(const std::string& path);
  // Whether MarkInUse() was ever called for this file.
  bool initialized() const { return initialized_; }
  // Whether the last holder said that it stopped with everything in the database file itself.
  bool was_clean() const { return was_clean_; }
  // From now on there is a database, and its log matters. Durable when it returns OK.
  Status MarkInUse();
  // The log is empty and the holder writes no more.
  Status MarkClean();

 private:
  StoreLock(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Status Rewrite(bool clean);
  std::string path_;
  UniqueFd fd_;
  bool initialized_ = false;
  bool was_clean_ = false;
};

}  // namespace hodei::store
