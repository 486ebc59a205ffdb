// Tells when files in folders change, through one inotify descriptor and one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::store {

// Thread-safe.
class ChangeWatch {
 public:
  // `changed(dir)` is called from the watch's thread, several changes at once as one call.
  static Result<std::unique_ptr<ChangeWatch>> Create(
      std::function<void(const std::string&)> changed);
  ~ChangeWatch();
  // Counted: as many Remove() as Add() end it. RESOURCE_EXHAUSTED at the system's limit of watches.
  Status Add(const std::string& dir);
  void Remove(const std::string& dir);

 private:
  ChangeWatch() = default;
  void Run();

  struct Watched {
    int descriptor = -1;
    int count = 0;
  };
  std::function<void(const std::string&)> changed_;
  UniqueFd inotify_;
  UniqueFd stop_;
  std::mutex mutex_;
  std::map<std::string, Watched> by_dir_;     // guarded by mutex_
  std::map<int, std::string> by_descriptor_;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace hodei::store
