// A file of some size beside the database that holds disk space for the day when there is none
// (fault F10): what is under way can then still be brought to its end. One thread.
#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace hodei::store {

class DiskReserve {
 public:
  // `path` is the file; nothing happens before Hold().
  DiskReserve(std::string path, int64_t bytes) : path_(std::move(path)), bytes_(bytes) {}

  // Takes the space when it is not held; RESOURCE_EXHAUSTED when the disk has not enough.
  Status Hold();
  // Gives the space to whoever writes next.
  void Release();
  bool held() const { return held_; }

 private:
  const std::string path_;
  const int64_t bytes_;
  bool held_ = false;
};

}  // namespace hodei::store
