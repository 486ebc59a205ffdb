// Notices that something about a replica may have changed: its records (inotify) or the life of its
// supervisor (pidfd). One thread; bounded by the number of replicas that have not ended.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

class ReplicaWatcher {
 public:
  // `changed` runs on the watcher's thread; it may call back into this object.
  explicit ReplicaWatcher(std::function<void(const std::string& id)> changed);
  // Stops and joins the thread.
  ~ReplicaWatcher();
  ReplicaWatcher(const ReplicaWatcher&) = delete;
  ReplicaWatcher& operator=(const ReplicaWatcher&) = delete;

  Status Start();
  // The folder of the replica's records. Fine when watched already.
  Status WatchRecords(const std::string& id, const std::string& dir);
  void WatchSupervisor(const std::string& id, UniqueFd pidfd);
  void Forget(const std::string& id);

 private:
  struct Watched {
    int inotify_watch = -1;
    UniqueFd pidfd;
  };
  void Run();
  void ReadInotify();
  void SupervisorEnded(int pidfd);

  std::function<void(const std::string&)> changed_;
  UniqueFd epoll_;
  UniqueFd inotify_;
  UniqueFd wake_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::map<std::string, Watched> watched_;
  std::map<int, std::string> by_inotify_;
  std::map<int, std::string> by_pidfd_;
  std::thread thread_;
};

}  // namespace hodei::exec
