// Removes content files. A file's name is gone when Remove() returns, and so is its space unless
// the file is large: giving a gigabyte back takes the file system half a second, which happens on a
// thread of its own, and no answer waits for it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "store/object/removal_gate.h"
#include "sys/unique_fd.h"

namespace hodei::store {

// Files whose removal waits for the end of a pause. What is beyond is a leftover, which recovery at
// the next start removes, like everything that still waits when this process ends.
inline constexpr size_t kFileRemovalsWaiting = 1'000'000;
// Files of this size and more are left to the thread.
inline constexpr int64_t kClosedLaterBytes = 32 << 20;
// Nameless files that wait for it; who would add one more closes his own.
inline constexpr size_t kFilesClosing = 64;

// Thread-safe.
class FileRemover {
 public:
  explicit FileRemover(const std::string& directory, size_t waiting_limit = kFileRemovalsWaiting)
      : waiting_limit_(waiting_limit), gate_(directory) {}
  // Every removed file's space is free after it.
  ~FileRemover();

  // Later, should somebody have paused removals (PauseRemovals()).
  void Remove(std::string path);
  // Makes up for what a pause has put off.
  void Finish();

 private:
  void RemoveWaiting();
  void Close(UniqueFd file);
  void CloseLoop();

  const size_t waiting_limit_;
  std::mutex mutex_;
  RemovalGate gate_;                  // guarded by mutex_
  std::vector<std::string> waiting_;  // guarded by mutex_

  std::mutex closing_mutex_;
  std::condition_variable wake_;
  std::deque<UniqueFd> closing_;  // guarded by closing_mutex_
  bool stopping_ = false;         // guarded by closing_mutex_
  std::thread closer_;            // started by the first file; guarded by closing_mutex_
};

}  // namespace hodei::store
