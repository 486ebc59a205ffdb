// What the reconciler does to the world for one job: packages, environment, sockets, replicas.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

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

// How old the news of a build may be that a person is told.
constexpr std::chrono::seconds kProgressInterval{2};

std::string BuildIdOf(const JobRecord& record, int attempt) {
  return fmt::format("{}-a{}", record.uid(), attempt);
}

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
  std::optional<Result<environments::State>> answer = EnsureEnvironment(entry);
  if (!answer) {
    preparing_.insert(entry);
    const std::lock_guard lock(mutex_);
    waiting_for_.try_emplace(entry->name,
                             "Its packages are being copied and its Python environment looked up.");
    return false;
  }
  const Result<environments::State>& state = *answer;
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
    // What it waits for, and since when, is told as it stands now.
    entry->effects.look_again = std::min<Nanoseconds>(
        entry->effects.look_again.value_or(kProgressInterval), kProgressInterval);
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

std::optional<Result<environments::State>> JobReconciler::EnsureEnvironment(Entry* entry) {
  if (!entry->ensured && entry->asked == Entry::kNotAsked) {
    if (side_tasks_ >= kSideTasksMax) {
      crowded_.insert(entry);
      return std::nullopt;
    }
    AskForEnvironment(entry);
  }
  // Used once: whoever comes again wants to know how it stands then.
  return std::exchange(entry->ensured, std::nullopt);
}

void JobReconciler::AskForEnvironment(Entry* entry) {
  const JobRecord& record = entry->newest();
  std::optional<std::vector<environments::PackageFile>> files;
  if (entry->staged_attempt == record.attempt().number()) files = entry->files;
  entry->asked = Entry::kAsked;
  RunAside(entry, [this, record, files = std::move(files)]() -> Completion {
    return [this, ensured = EnsureNow(record, files)](Entry* asker) {
      TakeEnsured(asker, ensured);
      // Who asked inline is still there to take the answer.
      if (!side_work_.inline_only()) MarkDue(asker);
    };
  });
}

// On the reconciling thread.
void JobReconciler::TakeEnsured(Entry* entry, Ensured ensured) {
  const bool old =
      entry->asked == Entry::kAskAgain || ensured.attempt != entry->newest().attempt().number();
  entry->asked = Entry::kNotAsked;
  if (old) return;
  if (!ensured.files.empty()) {
    entry->files = std::move(ensured.files);
    entry->staged_attempt = ensured.attempt;
  }
  for (std::string& warning : ensured.warnings) {
    auto& warnings = entry->preparation.warnings;
    if (std::find(warnings.begin(), warnings.end(), warning) == warnings.end()) {
      warnings.push_back(std::move(warning));
    }
  }
  entry->ensured = std::move(ensured.state);
}

JobReconciler::Ensured JobReconciler::EnsureNow(
    const JobRecord& record, std::optional<std::vector<environments::PackageFile>> files) const {
  Ensured ensured{.attempt = record.attempt().number()};
  if (files) {
    ensured.files = *std::move(files);
  } else {
    const JobFolders folders(options_.jobs_dir, record.uid());
    Result<StagedPackages> staged = StagePackages(deps_.objects, record, folders.packages);
    if (!staged.ok()) {
      ensured.state = staged.status();
      return ensured;
    }
    ensured.files = std::move(staged->files);
    ensured.warnings = std::move(staged->warnings);
  }
  ensured.state = EnsureStaged(record, &ensured);
  return ensured;
}

Result<environments::State> JobReconciler::EnsureStaged(const JobRecord& record,
                                                        Ensured* ensured) const {
  const auto& input = record.job().training_input();
  const JobFolders folders(options_.jobs_dir, record.uid());
  environments::Request request;
  ASSIGN_OR_RETURN(request.runtime,
                   deps_.environments->Resolve(input.runtime_version(), input.python_version()));
  ensured->warnings.insert(ensured->warnings.end(), request.runtime.warnings.begin(),
                           request.runtime.warnings.end());
  request.packages = ensured->files;
  request.build_id = BuildIdOf(record, ensured->attempt);
  request.log_dir = fmt::format("{}/build-a{}", folders.logs, ensured->attempt);
  RETURN_IF_ERROR(MakeDirectories(request.log_dir));
  RETURN_IF_ERROR(deps_.log->AddSource({.project = record.project(),
                                        .job_id = record.job().job_id(),
                                        .task_name = "master-replica-0",
                                        .source_id = fmt::format("job-{}-build", request.build_id),
                                        .dir = request.log_dir}));
  return deps_.environments->Ensure(request);
}

void JobReconciler::StartReplicas(Entry* entry) {
  std::optional<Result<environments::State>> answer = EnsureEnvironment(entry);
  if (!answer) return;
  const Result<environments::State>& environment = *answer;
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
  const std::vector<int> places = entry->effects.start;
  for (const int place : places) {
    if (side_tasks_ >= kSideTasksMax) {
      crowded_.insert(entry);
      return;
    }
    StartAside(entry, place, *environment);
    if (entry->troubled || !entry->start_failures.empty()) return;
  }
}

void JobReconciler::StartAside(Entry* entry, int place, const environments::State& environment) {
  const std::string& id = entry->record.attempt().replicas(place).id();
  if (!entry->starting.insert(id).second) return;
  RunAside(entry, [this, id, place, environment, record = entry->record]() -> Completion {
    return [this, id, started = StartReplica(record, place, environment)](Entry* starter) {
      StartEnded(starter, id, started);
    };
  });
}

void JobReconciler::StartEnded(Entry* entry, const std::string& id, const Status& started) {
  entry->starting.erase(id);
  if (started.ok()) {
    TroubleIsOver(entry);
  } else if (MayPass(started.code()) && ++entry->start_tries < kStartTriesMax) {
    return Trouble(entry, started);
  } else {
    entry->start_failures[id] = fmt::format("it could not be started: {}", started.message());
  }
  MarkDue(entry);
}

Status JobReconciler::StartReplica(const JobRecord& record, int place,
                                   const environments::State& environment) const {
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
  // A copy or a start that is still under way would leave something behind.
  entry->finishing = true;
  if (entry->tasks > 0) return;
  const JobRecord& record = entry->record;
  for (int attempt = 1; attempt <= record.attempt().number(); ++attempt) {
    deps_.environments->Release(BuildIdOf(record, attempt));
  }
  (void)deps_.sockets->Close(entry->name);
  std::vector<std::string> replicas;
  for (const Replica& replica : record.attempt().replicas()) {
    if (replica.state() != Replica::STATE_UNSPECIFIED) replicas.push_back(replica.id());
  }
  const JobFolders folders(options_.jobs_dir, record.uid());
  RemoveAside(std::move(replicas), {folders.packages, folders.api});
  const std::string name = entry->name;
  Drop(name);
}

// At most one for each job that was started, so the queue is bounded by what starts.
void JobReconciler::RemoveAside(std::vector<std::string> replicas,
                                std::vector<std::string> folders) {
  if (replicas.empty() && folders.empty()) return;
  side_work_.Submit([this, replicas = std::move(replicas), folders = std::move(folders)] {
    for (const std::string& id : replicas) (void)deps_.executor->Remove(id);
    for (const std::string& folder : folders) (void)RemoveTree(folder);
  });
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
