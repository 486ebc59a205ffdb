// One round over the jobs that are due: observe, plan, commit what changed, act on what did not.
#include <fmt/format.h>

#include <algorithm>

#include "base/failpoint.h"
#include "domain/jobs/failure_text.h"
#include "domain/jobs/reconciler_entry.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;

// Jobs of one commit, and so of one disk sync.
constexpr size_t kBatchMax = 256;
// Steps of one job between two commits. Each changes the record, and a job has fewer moves.
constexpr int kStepsMax = 16;
constexpr int kMergeTriesMax = 5;

bool Ended(exec::ReplicaPhase phase) {
  return phase == exec::ReplicaPhase::kExited || phase == exec::ReplicaPhase::kLost;
}

}  // namespace

void JobReconciler::StepDueJobs() {
  std::vector<Entry*> batch;
  while (!due_.empty() && batch.size() < kBatchMax) {
    batch.push_back(due_.extract(due_.begin()).value());
  }
  std::vector<Entry*> changed;
  std::vector<Entry*> settled;
  for (Entry* entry : batch) {
    if (entry->finishing || !Plan(entry)) continue;
    (entry->next ? changed : settled).push_back(entry);
  }
  if (!changed.empty()) CommitDue(changed);
  for (Entry* entry : settled) Act(entry);
}

bool JobReconciler::Plan(Entry* entry) {
  for (int i = 0; i < kStepsMax; ++i) {
    Result<JobObservation> seen = Observe(entry);
    if (!seen.ok()) {
      Trouble(entry, seen.status());
      return false;
    }
    JobStep step = PlanJob(*deps_.machines, entry->newest(), *seen);
    if (step.changed) {
      entry->next = std::move(step.next);
      entry->log.insert(entry->log.end(), step.log.begin(), step.log.end());
      // What a terminal record asks for is done after its commit.
      if (IsTerminal(entry->next->job().state())) return true;
      continue;
    }
    entry->effects = std::move(step.effects);
    // Staging and building may come before the commit: to repeat them does no harm. Starting may
    // not.
    if (!entry->effects.prepare) return true;
    if (!Prepare(entry)) return true;
  }
  return true;
}

Result<JobObservation> JobReconciler::Observe(Entry* entry) {
  const JobRecord& record = entry->newest();
  JobObservation seen;
  seen.now = deps_.clock->Now();
  const Nanoseconds monotonic = deps_.clock->Monotonic();
  seen.waited = monotonic - entry->created;
  if (entry->running) seen.ran = monotonic - *entry->running;
  if (record.job().training_input().scheduling().has_max_wait_time() && !record.has_outcome()) {
    seen.waiting_for = Explain(record).reason;
  }
  seen.preparation = entry->preparation;
  for (const Replica& replica : record.attempt().replicas()) {
    if (replica.state() == Replica::STATE_UNSPECIFIED) continue;
    ASSIGN_OR_RETURN(seen.replicas[replica.id()], ObserveReplica(entry, replica));
  }
  return seen;
}

Result<ReplicaObservation> JobReconciler::ObserveReplica(Entry* entry, const Replica& replica) {
  ReplicaObservation seen;
  if (const auto failed = entry->start_failures.find(replica.id());
      failed != entry->start_failures.end()) {
    seen.phase = exec::ReplicaPhase::kLost;
    seen.exit.detail = failed->second;
    return seen;
  }
  ASSIGN_OR_RETURN_CTX(const exec::ReplicaStatus status, deps_.executor->Observe(replica.id()),
                       fmt::format("observe replica '{}'", replica.id()));
  seen.phase = status.phase;
  seen.exit = status.exit;
  if (status.phase == exec::ReplicaPhase::kUnknown && entry->starting.contains(replica.id())) {
    seen.phase = exec::ReplicaPhase::kStarting;
  }
  if (!Ended(status.phase)) return seen;
  const Nanoseconds now = deps_.clock->Monotonic();
  seen.ended_for = now - entry->ended.try_emplace(replica.id(), now).first->second;
  const bool badly = status.exit.exit_code != 0 || status.exit.signal != 0;
  if (!badly || replica.state() == Replica::ENDED) return seen;
  auto tail = entry->tails.find(replica.id());
  if (tail == entry->tails.end()) {
    // Without the output the failure is still told, only less well.
    Result<std::vector<std::string>> lines =
        deps_.log->TailOf(replica.id(), kFailureTailLines, 4 * kFailureTailBytes);
    tail = entry->tails.emplace(replica.id(), lines.value_or(std::vector<std::string>())).first;
  }
  seen.tail = tail->second;
  return seen;
}

void JobReconciler::CommitDue(const std::vector<Entry*>& entries) {
  std::vector<Entry*> ready;
  for (Entry* entry : entries) {
    const Status appended = AppendLog(entry);
    if (appended.ok()) {
      ready.push_back(entry);
    } else {
      Trouble(entry, appended);
    }
  }
  Status status;
  for (int tries = 0; tries < kMergeTriesMax && !ready.empty(); ++tries) {
    std::vector<StoredJob> jobs;
    for (Entry* entry : ready) jobs.push_back({*entry->next, entry->revision, 0});
    HODEI_FAILPOINT("job.commit");
    Result<std::vector<int64_t>> revisions = table_.Replace(jobs);
    HODEI_FAILPOINT("job.committed");
    if (revisions.ok()) {
      for (size_t i = 0; i < ready.size(); ++i) AfterCommit(ready[i], (*revisions)[i]);
      return;
    }
    status = revisions.status();
    if (status.code() != Code::kAborted) break;
    // Labels or a cancellation came between.
    for (Entry* entry : ready) {
      const Status merged = MergeNewest(entry);
      if (!merged.ok()) status = merged;
    }
  }
  for (Entry* entry : ready) Trouble(entry, status);
}

Status JobReconciler::MergeNewest(Entry* entry) {
  ASSIGN_OR_RETURN(const StoredJob stored, table_.Get(entry->name));
  entry->revision = stored.revision;
  MergeServiceFields(stored.record, &*entry->next);
  return OkStatus();
}

void JobReconciler::MergeServiceFields(const JobRecord& newest, JobRecord* record) {
  *record->mutable_job()->mutable_labels() = newest.job().labels();
  if (!newest.cancel_requested() || record->cancel_requested()) return;
  record->set_cancel_requested(true);
  if (!IsTerminal(record->job().state())) record->mutable_job()->set_state(Job::CANCELLING);
}

Status JobReconciler::AppendLog(Entry* entry) {
  for (; entry->log_appended < entry->log.size(); ++entry->log_appended) {
    const LogLine& line = entry->log[entry->log_appended];
    RETURN_IF_ERROR_CTX(
        deps_.log->AppendService(entry->record.project(), entry->record.job().job_id(),
                                 line.severity, line.text),
        fmt::format("log of job '{}'", entry->name));
  }
  return OkStatus();
}

void JobReconciler::AfterCommit(Entry* entry, int64_t revision) {
  std::vector<std::string> left_behind;
  for (const Replica& replica : entry->record.attempt().replicas()) {
    const auto& now = entry->next->attempt().replicas();
    const bool kept = std::any_of(now.begin(), now.end(),
                                  [&](const Replica& other) { return other.id() == replica.id(); });
    if (!kept && replica.state() != Replica::STATE_UNSPECIFIED) left_behind.push_back(replica.id());
  }
  const bool new_attempt = entry->record.attempt().number() != entry->next->attempt().number();
  entry->record = std::move(*entry->next);
  entry->next.reset();
  entry->revision = revision;
  entry->log.clear();
  entry->log_appended = 0;
  if (new_attempt || entry->record.attempt().phase() == Attempt::LAUNCHED) entry->preparation = {};
  if (new_attempt) entry->start_tries = 0;
  if (entry->record.job().has_start_time() && !entry->running) {
    entry->running = deps_.clock->Monotonic();
  }
  TroubleIsOver(entry);
  if (entry->record.job().state() != Job::QUEUED) Dequeue(entry);
  // Ended replicas that the record no longer names; Sweep() finds them when this fails.
  RemoveAside(std::move(left_behind), {});
  if (IsTerminal(entry->record.job().state())) {
    Finish(entry);
  } else {
    MarkDue(entry);
  }
}

void JobReconciler::Trouble(Entry* entry, const Status& status) {
  {
    const std::lock_guard lock(mutex_);
    waiting_for_[entry->name] =
        fmt::format("It is tried again in a moment after an error: {}.", status.message());
  }
  entry->troubled = true;
  entry->effects.look_again = std::min<Nanoseconds>(
      entry->effects.look_again.value_or(options_.retry_interval), options_.retry_interval);
  SetTimer(entry, options_.retry_interval);
}

void JobReconciler::TroubleIsOver(Entry* entry) {
  if (!entry->troubled) return;
  entry->troubled = false;
  const std::lock_guard lock(mutex_);
  waiting_for_.erase(entry->name);
}

}  // namespace hodei::jobs
