// What the reconciler does to the world for one job: packages, environment, sockets, replicas.
#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "domain/jobs/reconciler_entry.h"
#include "domain/jobs/staging.h"
#include "domain/jobs/tf_config.h"
#include "sys/file.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;

// The executor says it lacks something for now: so many tries before the attempt is given up.
constexpr int kStartTriesMax = 10;
// A stop that was asked for is looked after this often, should no news come.
constexpr std::chrono::seconds kStopCheckInterval{5};

bool MayPass(Code code) {
  return code == Code::kResourceExhausted || code == Code::kUnavailable ||
         code == Code::kDeadlineExceeded;
}

bool Ended(exec::ReplicaPhase phase) {
  return phase == exec::ReplicaPhase::kExited || phase == exec::ReplicaPhase::kLost;
}

}  // namespace

void JobReconciler::Act(Entry* entry) {
  const JobEffects effects = entry->effects;
  std::optional<Nanoseconds> look_again = effects.look_again;
  for (const std::string& id : effects.stop) {
    (void)deps_.executor->Stop(id);
    look_again = std::min<Nanoseconds>(look_again.value_or(kStopCheckInterval), kStopCheckInterval);
  }
  SetTimer(entry, look_again);
  const bool launched = entry->record.attempt().phase() == Attempt::LAUNCHED;
  if (launched && !entry->record.has_outcome() && !entry->socket_open) {
    if (const Status opened = OpenSocket(entry); !opened.ok()) return Trouble(entry, opened);
  }
  if (!effects.start.empty()) StartReplicas(entry);
}

// True when the preparation came to an end, good or bad.
bool JobReconciler::Prepare(Entry* entry) {
  Result<environments::State> state = EnsureEnvironment(entry);
  Preparation* preparation = &entry->preparation;
  if (!state.ok()) {
    const Code code = state.status().code();
    if (code != Code::kFailedPrecondition && code != Code::kInvalidArgument) {
      Trouble(entry, state.status());
      return false;
    }
    preparation->phase = Preparation::kFailed;
    preparation->error = state.status().message();
  } else if (state->phase == environments::State::kBuilding) {
    preparing_.insert(entry);
    const std::lock_guard lock(mutex_);
    waiting_for_[entry->name] =
        fmt::format("Waits for its Python environment: {}.",
                    state->waiting_for.empty() ? "it is being prepared" : state->waiting_for);
    return false;
  } else if (state->phase == environments::State::kFailed) {
    preparation->phase = Preparation::kFailed;
    preparation->error = state->error;
  } else {
    TroubleIsOver(entry);
    preparation->phase = Preparation::kReady;
    preparation->notes = state->notes;
  }
  preparing_.erase(entry);
  const std::lock_guard lock(mutex_);
  waiting_for_.erase(entry->name);
  return true;
}

Result<environments::State> JobReconciler::EnsureEnvironment(Entry* entry) {
  const JobRecord& record = entry->newest();
  const auto& input = record.job().training_input();
  const JobFolders folders(options_.jobs_dir, record.uid());
  const int attempt = record.attempt().number();
  if (entry->staged_attempt != attempt) {
    ASSIGN_OR_RETURN(StagedPackages staged, StagePackages(deps_.objects, record, folders.packages));
    entry->files = std::move(staged.files);
    entry->preparation.warnings = std::move(staged.warnings);
    entry->staged_attempt = attempt;
  }
  environments::Request request;
  ASSIGN_OR_RETURN(request.runtime,
                   deps_.environments->Resolve(input.runtime_version(), input.python_version()));
  for (const std::string& warning : request.runtime.warnings) {
    auto& warnings = entry->preparation.warnings;
    if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
      warnings.push_back(warning);
    }
  }
  request.packages = entry->files;
  request.build_id = fmt::format("{}-a{}", record.uid(), attempt);
  request.log_dir = fmt::format("{}/build-a{}", folders.logs, attempt);
  RETURN_IF_ERROR(MakeDirectories(request.log_dir));
  RETURN_IF_ERROR(deps_.log->AddSource({.project = record.project(),
                                        .job_id = record.job().job_id(),
                                        .task_name = "master-replica-0",
                                        .source_id = fmt::format("job-{}-build", request.build_id),
                                        .dir = request.log_dir}));
  return deps_.environments->Ensure(request);
}

void JobReconciler::StartReplicas(Entry* entry) {
  Result<environments::State> environment = EnsureEnvironment(entry);
  if (!environment.ok()) return Trouble(entry, environment.status());
  if (environment->phase == environments::State::kBuilding) {
    // It was ready once and has been cleaned away since.
    preparing_.insert(entry);
    return;
  }
  preparing_.erase(entry);
  if (environment->phase == environments::State::kFailed) {
    for (const int place : entry->effects.start) {
      entry->start_failures[entry->record.attempt().replicas(place).id()] = environment->error;
    }
    return MarkDue(entry);
  }
  for (const int place : entry->effects.start) {
    const Status started = StartReplica(entry, place, *environment);
    if (started.ok()) continue;
    if (MayPass(started.code()) && ++entry->start_tries < kStartTriesMax) {
      return Trouble(entry, started);
    }
    entry->start_failures[entry->record.attempt().replicas(place).id()] =
        fmt::format("it could not be started: {}", started.message());
    break;
  }
  TroubleIsOver(entry);
  MarkDue(entry);
}

Status JobReconciler::StartReplica(Entry* entry, int place,
                                   const environments::State& environment) {
  const JobRecord& record = entry->record;
  const Replica& replica = record.attempt().replicas(place);
  const auto& input = record.job().training_input();
  const JobFolders folders(options_.jobs_dir, record.uid());
  ASSIGN_OR_RETURN(const environments::RuntimeChoice runtime,
                   deps_.environments->Resolve(input.runtime_version(), input.python_version()));
  exec::ReplicaSpec spec = ReplicaSpecOf(
      *deps_.machines, record, replica, environment,
      deps_.environments->LaunchArgv(runtime, input.python_module(),
                                     {input.args().begin(), input.args().end()}, input.job_dir()),
      folders, options_.replica);
  RETURN_IF_ERROR(MakeDirectories(spec.log_dir));
  RETURN_IF_ERROR(deps_.log->AddSource({.project = record.project(),
                                        .job_id = record.job().job_id(),
                                        .task_name = TaskName(replica),
                                        .source_id = replica.id(),
                                        .dir = spec.log_dir}));
  HODEI_FAILPOINT("job.start");
  RETURN_IF_ERROR(deps_.executor->Start(spec));
  HODEI_FAILPOINT("job.started");
  return OkStatus();
}

Status JobReconciler::OpenSocket(Entry* entry) {
  const JobFolders folders(options_.jobs_dir, entry->record.uid());
  RETURN_IF_ERROR(MakeDirectories(folders.api, 0755));
  RETURN_IF_ERROR_CTX(deps_.sockets->Open(entry->name, folders.api),
                      fmt::format("open the API socket of job '{}'", entry->name));
  entry->socket_open = true;
  return OkStatus();
}

// The terminal record is committed: give back what the job held. What fails here is found by
// Sweep(), or is only a folder.
void JobReconciler::Finish(Entry* entry) {
  const JobRecord& record = entry->record;
  (void)deps_.sockets->Close(entry->name);
  for (const Replica& replica : record.attempt().replicas()) {
    if (replica.state() != Replica::STATE_UNSPECIFIED) (void)deps_.executor->Remove(replica.id());
  }
  const JobFolders folders(options_.jobs_dir, record.uid());
  (void)RemoveTree(folders.packages);
  (void)RemoveTree(folders.api);
  const std::string name = entry->name;
  Drop(name);
}

void JobReconciler::Sweep() {
  if (!unreadable_.empty()) {
    next_sweep_ = deps_.clock->Monotonic() + options_.retry_interval;
    return;
  }
  next_sweep_ = deps_.clock->Monotonic() + options_.sweep_interval;
  Result<std::vector<exec::ReplicaStatus>> all = deps_.executor->List();
  if (!all.ok()) return;
  std::set<std::string, std::less<>> wanted;
  for (const auto& [name, entry] : entries_) {
    for (const JobRecord& record : {entry->record, entry->newest()}) {
      for (const Replica& replica : record.attempt().replicas()) wanted.insert(replica.id());
    }
    if (entry->record.has_attempt()) MarkDue(entry.get());
  }
  for (const exec::ReplicaStatus& status : *all) {
    if (!status.id.starts_with(kJobReplicaPrefix) || wanted.contains(status.id)) continue;
    if (Ended(status.phase)) {
      (void)deps_.executor->Remove(status.id);
    } else {
      // No record wants it: its job ended while we were away, or its data folder is another's.
      (void)deps_.executor->Stop(status.id, /*now=*/true);
    }
  }
}

}  // namespace hodei::jobs
