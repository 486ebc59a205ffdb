#include "exec/local/scratch_stock.h"

#include <algorithm>
#include <utility>

#include "base/random_id.h"
#include "exec/sandbox/scratch.h"

namespace hodei::exec {

ScratchStock::ScratchStock(std::string templates_dir, std::string images_dir)
    : templates_dir_(std::move(templates_dir)), images_dir_(std::move(images_dir)) {}

ScratchStock::~ScratchStock() {
  filler_.request_stop();
  taken_.notify_all();
}

Result<UniqueFd> ScratchStock::Make(int64_t bytes) {
  std::string path;
  {
    std::lock_guard lock(template_mutex_);
    ASSIGN_OR_RETURN(path, ScratchTemplate(templates_dir_, bytes));
  }
  return MakeScratchVolume(path, images_dir_ + "/" + RandomId(16));
}

Result<UniqueFd> ScratchStock::Take(int64_t bytes) {
  std::vector<UniqueFd> surplus;  // closed without the lock: giving back takes a while
  UniqueFd volume;
  {
    std::lock_guard lock(mutex_);
    volume = TakeFromShelf(bytes, &surplus);
    ++takes_;
    if (!filler_.joinable()) filler_ = std::jthread([this](std::stop_token stop) { Fill(stop); });
  }
  taken_.notify_all();
  if (volume) return volume;
  return Make(bytes);
}

size_t ScratchStock::Ready(int64_t bytes) const {
  std::lock_guard lock(mutex_);
  for (const Shelf& shelf : shelves_) {
    if (shelf.bytes == bytes) return shelf.volumes.size();
  }
  return 0;
}

UniqueFd ScratchStock::TakeFromShelf(int64_t bytes, std::vector<UniqueFd>* surplus) {
  auto shelf = std::find_if(shelves_.begin(), shelves_.end(),
                            [&](const Shelf& one) { return one.bytes == bytes; });
  if (shelf == shelves_.end()) {
    if (shelves_.size() == kStockSizesMax) {
      *surplus = std::move(shelves_.back().volumes);
      shelves_.pop_back();
    }
    shelf = shelves_.insert(shelves_.begin(), {bytes, {}});
  } else {
    std::rotate(shelves_.begin(), shelf, shelf + 1);
    shelf = shelves_.begin();
  }
  if (shelf->volumes.empty()) return UniqueFd();
  UniqueFd volume = std::move(shelf->volumes.back());
  shelf->volumes.pop_back();
  return volume;
}

void ScratchStock::Fill(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const uint64_t seen = takes_;
    while (!stop.stop_requested() && FillOne(&lock)) {
    }
    if (taken_.wait_for(lock, stop, kStockIdle, [&] { return takes_ != seen; })) continue;
    std::vector<Shelf> unused = std::exchange(shelves_, {});
    lock.unlock();
    unused.clear();
    lock.lock();
    taken_.wait(lock, stop, [&] { return takes_ != seen; });
  }
}

bool ScratchStock::FillOne(std::unique_lock<std::mutex>* lock) {
  const auto shelf = std::find_if(shelves_.begin(), shelves_.end(), [](const Shelf& one) {
    return one.volumes.size() < kStockVolumesMax;
  });
  if (shelf == shelves_.end()) return false;
  const int64_t bytes = shelf->bytes;
  lock->unlock();
  // A failure (disk full, no loop device) is told to the start that needs a volume.
  Result<UniqueFd> made = Make(bytes);
  lock->lock();
  if (!made.ok()) return false;
  for (Shelf& one : shelves_) {
    if (one.bytes != bytes || one.volumes.size() >= kStockVolumesMax) continue;
    one.volumes.push_back(*std::move(made));
    return true;
  }
  // Nobody wants this size any more.
  lock->unlock();
  made->Reset();
  lock->lock();
  return true;
}

}  // namespace hodei::exec
