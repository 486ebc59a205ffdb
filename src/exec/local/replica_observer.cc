#include "exec/local/replica_observer.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "exec/sandbox/cgroup.h"
#include "exec/sandbox/process_identity.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr std::chrono::seconds kKillPatience{5};

ReplicaStatus Starting(const std::string& id) {
  ReplicaStatus status;
  status.id = id;
  status.phase = ReplicaPhase::kStarting;
  return status;
}

ReplicaStatus FromExit(const std::string& id, const ExitRecord& record) {
  ReplicaStatus status;
  status.id = id;
  status.phase = record.lost ? ReplicaPhase::kLost : ReplicaPhase::kExited;
  status.start_time = record.started;
  status.exit = record.exit;
  return status;
}

}  // namespace

ReplicaObserver::ReplicaObserver(const ReplicaFolders& folders, const Clock& clock,
                                 std::function<void(const std::string& id, UniqueFd pidfd)> living)
    : folders_(folders), clock_(clock), boot_id_(CurrentBootId()), living_(std::move(living)) {}

Result<ReplicaStatus> ReplicaObserver::Observe(const std::string& id) {
  ReplicaStatus status;
  status.id = id;
  if (!IsReplicaId(id) || !FileExists(folders_.PathOf(id))) return status;
  const std::string exit_path = folders_.FileOf(id, kExitFile);
  if (FileExists(exit_path)) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(exit_path));
    const auto record = ParseExit(text);
    if (record.ok()) return FromExit(id, *record);
    ExitRecord broken;
    broken.lost = true;
    broken.exit.detail = "its exit record is damaged: " + record.status().message();
    return FromExit(id, broken);
  }
  const auto text = ReadFile(folders_.FileOf(id, kStateFile));
  if (!text.ok()) return folders_.LockHeld(id) ? Starting(id) : status;
  const auto state = ParseState(*text);
  if (!state.ok()) return RecordLoss(id, nullptr);
  UniqueFd supervisor = OpenSupervisor(*state);
  if (!supervisor) return RecordLoss(id, &*state);
  living_(id, std::move(supervisor));
  status.phase =
      state->phase == StatePhase::kRunning ? ReplicaPhase::kRunning : ReplicaPhase::kStarting;
  status.pid = state->program_pid;
  status.start_time = state->started;
  return status;
}

Result<ReplicaStatus> ReplicaObserver::RecordLoss(const std::string& id,
                                                  const ReplicaState* state) {
  std::lock_guard lock(loss_mutex_);
  const std::string exit_path = folders_.FileOf(id, kExitFile);
  if (const auto text = ReadFile(exit_path); text.ok()) {
    ASSIGN_OR_RETURN(const ExitRecord record, ParseExit(*text));
    return FromExit(id, record);
  }
  if (folders_.LockHeld(id)) return Starting(id);
  ExitRecord record;
  record.lost = true;
  record.exit.end_time = clock_.Now();
  if (state != nullptr) {
    record.program_pid = state->program_pid;
    record.started = state->started;
  }
  if (state != nullptr && state->boot_id != boot_id_) {
    record.exit.detail = "the machine restarted while the replica ran";
  } else {
    record.exit.detail = "the supervisor of the replica died";
    RETURN_IF_ERROR(EndRemains(id, &record));
  }
  RETURN_IF_ERROR(WriteFileDurably(exit_path, SerializeExit(record)));
  return FromExit(id, record);
}

Status ReplicaObserver::EndRemains(const std::string& id, ExitRecord* record) const {
  const auto plan = folders_.ReadPlan(id);
  if (!plan.ok()) return OkStatus();
  const CgroupUsage usage = ReadUsage(plan->cgroups);
  record->exit.cpu_nanos = usage.cpu_nanos;
  record->exit.peak_memory_bytes = usage.peak_memory_bytes;
  if (!KillCgroups(plan->cgroups, kKillPatience)) {
    return Unavailable(fmt::format("processes of replica '{}' cannot be killed yet", id));
  }
  (void)RemoveCgroups(plan->cgroups).ok();
  return OkStatus();
}

}  // namespace hodei::exec
