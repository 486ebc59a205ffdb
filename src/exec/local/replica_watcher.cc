#include "exec/local/replica_watcher.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string_view>
#include <utility>

namespace hodei::exec {
namespace {

bool Add(int epoll_fd, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

ReplicaWatcher::ReplicaWatcher(std::function<void(const std::string& id)> changed)
    : changed_(std::move(changed)) {}

ReplicaWatcher::~ReplicaWatcher() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  (void)!write(wake_.get(), &one, sizeof one);
  thread_.join();
}

Status ReplicaWatcher::Start() {
  epoll_ = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  inotify_ = UniqueFd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  wake_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !inotify_ || !wake_ || !Add(epoll_.get(), inotify_.get()) ||
      !Add(epoll_.get(), wake_.get())) {
    return ErrnoStatus(errno, "set up replica watcher");
  }
  thread_ = std::thread([this] { Run(); });
  return OkStatus();
}

Status ReplicaWatcher::WatchRecords(const std::string& id, const std::string& dir) {
  std::lock_guard lock(mutex_);
  if (watched_[id].inotify_watch >= 0) return OkStatus();
  const int watch = inotify_add_watch(inotify_.get(), dir.c_str(), IN_MOVED_TO | IN_ONLYDIR);
  if (watch < 0) return ErrnoStatus(errno, fmt::format("watch '{}'", dir));
  watched_[id].inotify_watch = watch;
  by_inotify_[watch] = id;
  return OkStatus();
}

void ReplicaWatcher::WatchSupervisor(const std::string& id, UniqueFd pidfd) {
  std::lock_guard lock(mutex_);
  Watched& watched = watched_[id];
  if (watched.pidfd) return;
  if (!Add(epoll_.get(), pidfd.get())) return;
  by_pidfd_[pidfd.get()] = id;
  watched.pidfd = std::move(pidfd);
}

void ReplicaWatcher::Forget(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto it = watched_.find(id);
  if (it == watched_.end()) return;
  if (it->second.inotify_watch >= 0) {
    inotify_rm_watch(inotify_.get(), it->second.inotify_watch);
    by_inotify_.erase(it->second.inotify_watch);
  }
  if (it->second.pidfd) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, it->second.pidfd.get(), nullptr);
    by_pidfd_.erase(it->second.pidfd.get());
  }
  watched_.erase(it);
}

void ReplicaWatcher::Run() {
  for (;;) {
    epoll_event events[64];
    const int count = epoll_wait(epoll_.get(), events, 64, -1);
    if (count < 0 && errno != EINTR) return;
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == wake_.get()) {
        std::lock_guard lock(mutex_);
        if (stopping_) return;
      } else if (fd == inotify_.get()) {
        ReadInotify();
      } else {
        SupervisorEnded(fd);
      }
    }
  }
}

void ReplicaWatcher::ReadInotify() {
  std::set<std::string> ids;
  alignas(inotify_event) char buffer[16 << 10];
  for (ssize_t size = 0; (size = read(inotify_.get(), buffer, sizeof buffer)) > 0;) {
    std::lock_guard lock(mutex_);
    for (ssize_t at = 0; at < size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      // Queue overflow: somebody changed, nobody knows who.
      if ((event->mask & IN_Q_OVERFLOW) != 0) {
        for (const auto& [watch, id] : by_inotify_) ids.insert(id);
      }
      if (const auto it = by_inotify_.find(event->wd); it != by_inotify_.end()) {
        ids.insert(it->second);
      }
    }
  }
  for (const std::string& id : ids) changed_(id);
}

void ReplicaWatcher::SupervisorEnded(int pidfd) {
  std::string id;
  {
    std::lock_guard lock(mutex_);
    const auto it = by_pidfd_.find(pidfd);
    if (it == by_pidfd_.end()) return;
    id = it->second;
    by_pidfd_.erase(it);
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, pidfd, nullptr);
    watched_[id].pidfd.Reset();
  }
  changed_(id);
}

}  // namespace hodei::exec
