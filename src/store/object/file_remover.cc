#include "store/object/file_remover.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

namespace hodei::store {

FileRemover::~FileRemover() {
  {
    std::lock_guard lock(closing_mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (closer_.joinable()) closer_.join();
}

void FileRemover::Remove(std::string path) {
  std::lock_guard lock(mutex_);
  if (waiting_.size() < waiting_limit_) waiting_.push_back(std::move(path));
  RemoveWaiting();
}

void FileRemover::Finish() {
  std::lock_guard lock(mutex_);
  if (!waiting_.empty()) RemoveWaiting();
}

void FileRemover::RemoveWaiting() {
  gate_.Pass([this] {
    for (const std::string& path : waiting_) {
      UniqueFd file;
      struct stat facts {};
      if (stat(path.c_str(), &facts) == 0 && facts.st_size >= kClosedLaterBytes) {
        // Kept open across the removal: the file lives, without a name, until it is closed.
        file = UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
      }
      unlink(path.c_str());
      if (file) Close(std::move(file));
    }
    waiting_.clear();
  });
}

void FileRemover::Close(UniqueFd file) {
  {
    std::lock_guard lock(closing_mutex_);
    if (closing_.size() >= kFilesClosing) return;
    closing_.push_back(std::move(file));
    if (!closer_.joinable()) closer_ = std::thread([this] { CloseLoop(); });
  }
  wake_.notify_one();
}

void FileRemover::CloseLoop() {
  pthread_setname_np(pthread_self(), "file-remover");
  std::unique_lock lock(closing_mutex_);
  while (true) {
    wake_.wait(lock, [this] { return stopping_ || !closing_.empty(); });
    if (closing_.empty()) return;
    UniqueFd file = std::move(closing_.front());
    closing_.pop_front();
    lock.unlock();
    file.Reset();
    lock.lock();
  }
}

}  // namespace hodei::store
