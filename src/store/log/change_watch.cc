#include "store/log/change_watch.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace hodei::store {

Result<std::unique_ptr<ChangeWatch>> ChangeWatch::Create(
    std::function<void(const std::string&)> changed) {
  std::unique_ptr<ChangeWatch> watch(new ChangeWatch);
  watch->changed_ = std::move(changed);
  watch->inotify_ = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!watch->inotify_) return ErrnoStatus(errno, "inotify_init");
  watch->stop_ = UniqueFd(eventfd(0, EFD_CLOEXEC));
  if (!watch->stop_) return ErrnoStatus(errno, "eventfd");
  watch->thread_ = std::thread([raw = watch.get()] { raw->Run(); });
  return watch;
}

ChangeWatch::~ChangeWatch() {
  const uint64_t one = 1;
  if (stop_ && write(stop_.get(), &one, sizeof one) > 0 && thread_.joinable()) thread_.join();
}

Status ChangeWatch::Add(const std::string& dir) {
  std::lock_guard lock(mutex_);
  Watched& watched = by_dir_[dir];
  if (watched.count++ > 0) return OkStatus();
  watched.descriptor =
      inotify_add_watch(inotify_.get(), dir.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO);
  if (watched.descriptor < 0) {
    const int error = errno;
    by_dir_.erase(dir);
    return ErrnoStatus(error, fmt::format("watch '{}'", dir));
  }
  by_descriptor_[watched.descriptor] = dir;
  return OkStatus();
}

void ChangeWatch::Remove(const std::string& dir) {
  std::lock_guard lock(mutex_);
  const auto it = by_dir_.find(dir);
  if (it == by_dir_.end() || --it->second.count > 0) return;
  inotify_rm_watch(inotify_.get(), it->second.descriptor);
  by_descriptor_.erase(it->second.descriptor);
  by_dir_.erase(it);
}

void ChangeWatch::Run() {
  alignas(inotify_event) char buffer[16 * 1024];
  for (;;) {
    pollfd fds[2] = {{inotify_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if ((fds[1].revents & POLLIN) != 0) return;
    const ssize_t n = read(inotify_.get(), buffer, sizeof buffer);
    if (n <= 0) continue;
    std::set<std::string> dirs;
    {
      std::lock_guard lock(mutex_);
      for (ssize_t at = 0; at < n;) {
        inotify_event event;
        std::memcpy(&event, buffer + at, sizeof event);
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
          for (const auto& [dir, watched] : by_dir_) dirs.insert(dir);
        } else if (const auto it = by_descriptor_.find(event.wd); it != by_descriptor_.end()) {
          dirs.insert(it->second);
        }
        at += static_cast<ssize_t>(sizeof event + event.len);
      }
    }
    for (const std::string& dir : dirs) changed_(dir);
  }
}

}  // namespace hodei::store
