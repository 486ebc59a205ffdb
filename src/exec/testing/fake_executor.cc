#include "exec/testing/fake_executor.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <csignal>
#include <utility>

#include "sys/file.h"

namespace hodei::exec {
namespace {

bool Ended(ReplicaPhase phase) {
  return phase == ReplicaPhase::kExited || phase == ReplicaPhase::kLost;
}

}  // namespace

FakeExecutor::FakeExecutor(const Clock& clock) : clock_(clock) {
  capabilities_.tier = "A";
  capabilities_.tier_summary = "fake: nothing runs";
  capabilities_.cpu_millis = 16'000;
  capabilities_.memory_bytes = 64LL << 30;
  capabilities_.scratch_bytes = 1LL << 40;
  capabilities_.network_groups = true;
  capabilities_.internet = true;
}

Status FakeExecutor::Start(const ReplicaSpec& spec) {
  std::function<void(const ReplicaSpec&)> hook;
  {
    std::lock_guard lock(mutex_);
    if (spec.id.empty()) return InvalidArgument("replica id is empty");
    if (spec.argv.empty() || !spec.argv[0].starts_with('/')) {
      return InvalidArgument(fmt::format("replica '{}': argv[0] is not an absolute path", spec.id));
    }
    if (const auto it = replicas_.find(spec.id); it != replicas_.end()) {
      if (!it->second.removed) return OkStatus();
      return FailedPrecondition(fmt::format("replica '{}' was removed", spec.id));
    }
    if (start_failures_left_ > 0) {
      --start_failures_left_;
      return start_failure_;
    }
    Replica& replica = replicas_[spec.id];
    replica.spec = spec;
    replica.status.id = spec.id;
    replica.status.phase = auto_run_ ? ReplicaPhase::kRunning : ReplicaPhase::kStarting;
    if (auto_run_) {
      replica.status.pid = next_pid_++;
      replica.status.start_time = clock_.Now();
    }
    order_.push_back(spec.id);
    hook = start_hook_;
  }
  Notify(spec.id);
  if (hook) hook(spec);
  return OkStatus();
}

Result<ReplicaStatus> FakeExecutor::Observe(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto it = replicas_.find(id);
  if (it != replicas_.end() && !it->second.removed) return it->second.status;
  ReplicaStatus unknown;
  unknown.id = id;
  return unknown;
}

Result<std::vector<ReplicaStatus>> FakeExecutor::List() {
  std::lock_guard lock(mutex_);
  std::vector<ReplicaStatus> all;
  for (const auto& [id, replica] : replicas_) {
    if (!replica.removed) all.push_back(replica.status);
  }
  return all;
}

Status FakeExecutor::Stop(const std::string& id, bool now) {
  bool ends = false;
  {
    std::lock_guard lock(mutex_);
    const auto it = replicas_.find(id);
    if (it == replicas_.end() || Ended(it->second.status.phase)) return OkStatus();
    ++it->second.stop_requests;
    ends = stop_ends_ || now;
  }
  if (ends) Exit(id, {.signal = now ? SIGKILL : SIGTERM, .stopped = true});
  return OkStatus();
}

Status FakeExecutor::Remove(const std::string& id) {
  std::lock_guard lock(mutex_);
  const auto it = replicas_.find(id);
  if (it == replicas_.end() || it->second.removed) return OkStatus();
  if (!Ended(it->second.status.phase)) {
    return FailedPrecondition(fmt::format("replica '{}' has not ended", id));
  }
  it->second.removed = true;
  return OkStatus();
}

Result<UniqueFd> FakeExecutor::OpenSocket(const std::string& id, const std::string& name) {
  if (name.empty() || name.find('/') != std::string::npos) {
    return InvalidArgument(fmt::format("'{}' is no socket name", name));
  }
  std::lock_guard lock(mutex_);
  const auto it = replicas_.find(id);
  if (it == replicas_.end() || it->second.removed ||
      it->second.status.phase != ReplicaPhase::kRunning) {
    return Unavailable(fmt::format("replica '{}' does not run", id));
  }
  if (it->second.socket_path.empty()) return NotFound("there is no socket");
  return OpenFile(it->second.socket_path, O_PATH);
}

void FakeExecutor::SetSocket(const std::string& id, std::string path) {
  {
    std::lock_guard lock(mutex_);
    replicas_[id].socket_path = std::move(path);
  }
  Notify(id);
}

void FakeExecutor::OnChange(std::function<void(const std::string& id)> changed) {
  std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void FakeExecutor::SetAutoRun(bool auto_run) {
  std::lock_guard lock(mutex_);
  auto_run_ = auto_run;
}

void FakeExecutor::SetStopEnds(bool stop_ends) {
  std::lock_guard lock(mutex_);
  stop_ends_ = stop_ends;
}

void FakeExecutor::SetStartHook(std::function<void(const ReplicaSpec&)> hook) {
  std::lock_guard lock(mutex_);
  start_hook_ = std::move(hook);
}

void FakeExecutor::FailStarts(Status status, int count) {
  std::lock_guard lock(mutex_);
  start_failure_ = std::move(status);
  start_failures_left_ = count;
}

bool FakeExecutor::Run(const std::string& id) { return Change(id, ReplicaPhase::kRunning, {}); }

bool FakeExecutor::Exit(const std::string& id, ReplicaExit exit) {
  return Change(id, ReplicaPhase::kExited, std::move(exit));
}

bool FakeExecutor::Lose(const std::string& id, std::string detail) {
  ReplicaExit exit;
  exit.detail = std::move(detail);
  return Change(id, ReplicaPhase::kLost, std::move(exit));
}

bool FakeExecutor::Change(const std::string& id, ReplicaPhase phase, ReplicaExit exit) {
  {
    std::lock_guard lock(mutex_);
    const auto it = replicas_.find(id);
    if (it == replicas_.end() || Ended(it->second.status.phase)) return false;
    ReplicaStatus& status = it->second.status;
    status.phase = phase;
    if (phase == ReplicaPhase::kRunning) {
      status.pid = next_pid_++;
      status.start_time = clock_.Now();
    } else {
      status.pid = 0;
      status.exit = std::move(exit);
      if (status.exit.end_time.unix_nanos == 0) status.exit.end_time = clock_.Now();
    }
  }
  Notify(id);
  return true;
}

void FakeExecutor::Notify(const std::string& id) {
  std::function<void(const std::string&)> changed;
  {
    std::lock_guard lock(mutex_);
    changed = changed_;
  }
  if (changed) changed(id);
}

std::vector<ReplicaSpec> FakeExecutor::specs() const {
  std::lock_guard lock(mutex_);
  std::vector<ReplicaSpec> all;
  for (const std::string& id : order_) all.push_back(replicas_.at(id).spec);
  return all;
}

std::vector<std::string> FakeExecutor::running() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const std::string& id : order_) {
    if (!Ended(replicas_.at(id).status.phase)) ids.push_back(id);
  }
  return ids;
}

ReplicaSpec FakeExecutor::spec(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto it = replicas_.find(id);
  return it == replicas_.end() ? ReplicaSpec{} : it->second.spec;
}

int FakeExecutor::stop_requests(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto it = replicas_.find(id);
  return it == replicas_.end() ? 0 : it->second.stop_requests;
}

bool FakeExecutor::removed(const std::string& id) const {
  std::lock_guard lock(mutex_);
  const auto it = replicas_.find(id);
  return it != replicas_.end() && it->second.removed;
}

}  // namespace hodei::exec
