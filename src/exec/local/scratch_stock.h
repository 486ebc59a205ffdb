// Scratch volumes made ahead of the replicas that will use them. To attach and mount one waits for
// the kernel some 10 ms, so a few of the sizes that were last asked for stand ready. No volume
// serves twice. Each is an open descriptor of a mount that is attached nowhere, of an image that
// has no name any more: when this process ends, however it ends, nothing is left.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

inline constexpr size_t kStockSizesMax = 2;    // the last sizes asked for
inline constexpr size_t kStockVolumesMax = 3;  // of each
// Without a replica started for so long, the volumes are given back.
inline constexpr std::chrono::seconds kStockIdle{600};

// Thread-safe.
class ScratchStock {
 public:
  // Formatted templates and, for a moment each, images are made in these folders.
  ScratchStock(std::string templates_dir, std::string images_dir);
  // Gives every volume back.
  ~ScratchStock();
  ScratchStock(const ScratchStock&) = delete;
  ScratchStock& operator=(const ScratchStock&) = delete;

  // A fresh volume of `bytes`: from the stock or, when there is none, made now. From the first call
  // on, a thread fills the stock.
  Result<UniqueFd> Take(int64_t bytes);
  // Volumes of that size that stand ready.
  size_t Ready(int64_t bytes) const;

 private:
  struct Shelf {
    int64_t bytes = 0;
    std::vector<UniqueFd> volumes;
  };
  Result<UniqueFd> Make(int64_t bytes);
  UniqueFd TakeFromShelf(int64_t bytes, std::vector<UniqueFd>* surplus);
  void Fill(std::stop_token stop);
  // One volume more, without `lock`; false when the stock is full or none can be made now.
  bool FillOne(std::unique_lock<std::mutex>* lock);

  const std::string templates_dir_;
  const std::string images_dir_;
  mutable std::mutex mutex_;
  std::condition_variable_any taken_;
  std::vector<Shelf> shelves_;  // guarded by mutex_; the last size asked for is first
  uint64_t takes_ = 0;          // guarded by mutex_
  std::mutex template_mutex_;
  std::jthread filler_;  // guarded by mutex_ until the destructor
};

}  // namespace hodei::exec
