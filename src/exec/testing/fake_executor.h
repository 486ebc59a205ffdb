// An Executor whose replicas are driven by the test: nothing runs. By default a started replica is
// kRunning at once; SetAutoRun(false) leaves it kStarting until Run(). Thread-safe.
//
//   FakeExecutor executor;
//   ... code under test calls Start ...
//   executor.Exit("job-1-a1-master-0", {.exit_code = 1});
//
// The OnChange callback runs on the thread that caused the change, without a lock held.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "exec/executor.h"

namespace hodei::exec {

class FakeExecutor : public Executor {
 public:
  explicit FakeExecutor(const Clock& clock = SystemClock());

  const Capabilities& capabilities() const override { return capabilities_; }
  Status Start(const ReplicaSpec& spec) override;
  Result<ReplicaStatus> Observe(const std::string& id) override;
  Result<std::vector<ReplicaStatus>> List() override;
  Status Stop(const std::string& id, bool now = false) override;
  Status Remove(const std::string& id) override;
  Result<UniqueFd> OpenSocket(const std::string& id, const std::string& name) override;
  void OnChange(std::function<void(const std::string& id)> changed) override;

  // Before use by other threads.
  Capabilities& mutable_capabilities() { return capabilities_; }
  void SetAutoRun(bool auto_run);
  // Stop() ends the replica at once with `stopped` and SIGTERM (default), or only records the
  // request, as a program that ignores SIGTERM would make it look.
  void SetStopEnds(bool stop_ends);
  // Called in Start() after the replica was recorded, without a lock held: a test may Exit() here.
  void SetStartHook(std::function<void(const ReplicaSpec& spec)> hook);
  // The next `count` calls of Start() for new ids answer `status` and start nothing.
  void FailStarts(Status status, int count = 1);

  // OpenSocket() of a running replica opens the socket at `path`, which the test listens on.
  void SetSocket(const std::string& id, std::string path);

  // Test drives the replica; unknown ids and ended replicas are left alone and answer false.
  bool Run(const std::string& id);
  bool Exit(const std::string& id, ReplicaExit exit = {});
  bool Lose(const std::string& id, std::string detail = "the machine restarted");

  // What the code under test did.
  std::vector<ReplicaSpec> specs() const;  // in order of Start(), removed ones included
  std::vector<std::string> running() const;
  // Spec of a started replica; a default one (empty id) when unknown.
  ReplicaSpec spec(const std::string& id) const;
  int stop_requests(const std::string& id) const;
  bool removed(const std::string& id) const;

 private:
  struct Replica {
    ReplicaSpec spec;
    ReplicaStatus status;
    int stop_requests = 0;
    bool removed = false;
    std::string socket_path;
  };
  bool Change(const std::string& id, ReplicaPhase phase, ReplicaExit exit);
  void Notify(const std::string& id);

  const Clock& clock_;
  Capabilities capabilities_;
  mutable std::mutex mutex_;
  bool auto_run_ = true;
  bool stop_ends_ = true;
  Status start_failure_;
  int start_failures_left_ = 0;
  int64_t next_pid_ = 1000;
  std::function<void(const ReplicaSpec&)> start_hook_;
  std::function<void(const std::string&)> changed_;
  std::map<std::string, Replica> replicas_;
  std::vector<std::string> order_;
};

}  // namespace hodei::exec
