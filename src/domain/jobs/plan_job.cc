#include "domain/jobs/plan_job.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/jobs/failure_text.h"
#include "domain/jobs/job_states.h"
#include "domain/jobs/job_table.h"
#include "domain/jobs/tf_config.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;
using google::cloud::ml::v1::TrainingInput;

void SetTime(WallTime time, google::protobuf::Timestamp* out) {
  out->set_seconds(time.unix_nanos / 1'000'000'000);
  out->set_nanos(static_cast<int32_t>(time.unix_nanos % 1'000'000'000));
}

WallTime GetTime(const google::protobuf::Timestamp& time) {
  return {time.seconds() * 1'000'000'000 + time.nanos()};
}

Nanoseconds GetDuration(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + Nanoseconds(duration.nanos());
}

bool Ended(exec::ReplicaPhase phase) {
  return phase == exec::ReplicaPhase::kExited || phase == exec::ReplicaPhase::kLost;
}

bool EndedWell(const ReplicaObservation& seen) {
  return seen.phase == exec::ReplicaPhase::kExited && seen.exit.exit_code == 0 &&
         seen.exit.signal == 0;
}

// One step: the record in, at most one change out. The rules in the order of their weight.
class Step {
 public:
  Step(const Machines& machines, const JobObservation& seen, JobRecord* record, JobStep* step)
      : machines_(machines), seen_(seen), record_(*record), step_(*step) {}

  bool Run() {
    if (IsTerminal(record_.job().state())) return CleanUp();
    if (record_.has_outcome()) return Wind();
    if (record_.cancel_requested()) return Decide(Job::CANCELLED, "");
    if (TimeIsOver()) return true;
    if (!record_.has_attempt()) return false;  // the planner's
    if (!record_.attempt().lost_reason().empty()) return NextAttempt();
    if (record_.attempt().phase() == Attempt::PREPARING) return Prepare();
    return Supervise();
  }

 private:
  const ReplicaObservation& Seen(const Replica& replica) const {
    static const auto* const unknown = new ReplicaObservation;
    const auto it = seen_.replicas.find(replica.id());
    return it == seen_.replicas.end() ? *unknown : it->second;
  }

  void Log(LogSeverity severity, std::string text) {
    step_.log.push_back({severity, std::move(text)});
  }

  void LookAgain(Nanoseconds after) {
    if (!step_.effects.look_again || *step_.effects.look_again > after) {
      step_.effects.look_again = after;
    }
  }

  bool Decide(Job::State state, std::string error_message) {
    record_.mutable_outcome()->set_state(state);
    record_.mutable_outcome()->set_error_message(std::move(error_message));
    if (state == Job::CANCELLED) record_.mutable_job()->set_state(Job::CANCELLING);
    return true;
  }

  bool TimeIsOver() {
    const auto& scheduling = record_.job().training_input().scheduling();
    if (record_.job().state() == Job::RUNNING) {
      const Nanoseconds limit = scheduling.has_max_running_time()
                                    ? GetDuration(scheduling.max_running_time())
                                    : Nanoseconds(kDefaultMaxRunningTime);
      if (seen_.ran < limit) {
        LookAgain(limit - seen_.ran);
        return false;
      }
      return Decide(Job::CANCELLED, RanTooLong(limit / std::chrono::seconds(1)));
    }
    if (!scheduling.has_max_wait_time()) return false;
    const Nanoseconds limit = GetDuration(scheduling.max_wait_time());
    if (seen_.waited < limit) {
      LookAgain(limit - seen_.waited);
      return false;
    }
    return Decide(Job::CANCELLED,
                  WaitedTooLong(limit / std::chrono::seconds(1), seen_.waiting_for));
  }

  bool Prepare() {
    const Preparation& preparation = seen_.preparation;
    if (preparation.phase == Preparation::kPending) {
      step_.effects.prepare = true;
      return false;
    }
    for (const std::string& text : preparation.warnings) Log(LogSeverity::kWarning, text);
    if (preparation.phase == Preparation::kFailed) {
      return Decide(Job::FAILED, EnvironmentFailure(preparation.error, record_.job().job_id()));
    }
    for (const std::string& text : preparation.notes) Log(LogSeverity::kInfo, text);
    Attempt* attempt = record_.mutable_attempt();
    attempt->set_phase(Attempt::LAUNCHED);
    for (Replica& replica : *attempt->mutable_replicas()) replica.set_state(Replica::LAUNCHING);
    Log(LogSeverity::kInfo, "Waiting for training program to start.");
    return true;
  }

  // Takes over what the executor says, then judges the job.
  bool Supervise() {
    Attempt* attempt = record_.mutable_attempt();
    bool changed = false;
    for (int i = 0; i < attempt->replicas_size(); ++i) {
      changed |= Observe(i, attempt->mutable_replicas(i));
      if (record_.has_outcome() || !attempt->lost_reason().empty()) return true;
    }
    return BecomeRunning() || changed;
  }

  // True when the record changed.
  bool Observe(int place, Replica* replica) {
    const ReplicaObservation& seen = Seen(*replica);
    if (replica->state() == Replica::ENDED) return MaybeRestart(seen, replica);
    switch (seen.phase) {
      case exec::ReplicaPhase::kUnknown:
        if (replica->state() == Replica::LAUNCHING) {
          step_.effects.start.push_back(place);
          return false;
        }
        return Lose(*replica, "the executor no longer knows it");
      case exec::ReplicaPhase::kStarting:
        return false;
      case exec::ReplicaPhase::kRunning:
        if (replica->state() == Replica::RUNNING) return false;
        replica->set_state(Replica::RUNNING);
        return true;
      case exec::ReplicaPhase::kLost:
        return Lose(*replica, seen.exit.detail.empty() ? "its supervisor ended without a record"
                                                       : seen.exit.detail);
      case exec::ReplicaPhase::kExited:
        return End(seen, replica);
    }
    return false;
  }

  bool Lose(const Replica& replica, std::string_view why) {
    record_.mutable_attempt()->set_lost_reason(
        fmt::format("the replica {} {} was lost: {}", replica.role(), replica.index(), why));
    return true;
  }

  bool End(const ReplicaObservation& seen, Replica* replica) {
    replica->set_state(Replica::ENDED);
    replica->set_succeeded(EndedWell(seen));
    const bool master = replica->role() == "master";
    if (master) BecomeRunning();
    if (replica->succeeded()) return master ? Decide(Job::SUCCEEDED, "") : true;
    const std::string text = ReplicaFailure(replica->role(), replica->index(), seen.exit, seen.tail,
                                            record_.job().job_id());
    const bool permanent = seen.exit.out_of_memory || seen.exit.disk_full;
    if (master || permanent) return Decide(Job::FAILED, text);
    if (replica->restarts() >= kReplicaRestartsMax) {
      return Decide(Job::FAILED, RestartsExhausted(text));
    }
    Log(LogSeverity::kWarning,
        fmt::format("The replica {} {} exited with a non-zero status of {}. It is restarted in {} "
                    "s (restart {} of {}).",
                    replica->role(), replica->index(), ExitStatusOf(seen.exit),
                    RestartBackoff(replica->restarts()).count(), replica->restarts() + 1,
                    kReplicaRestartsMax));
    return true;
  }

  bool MaybeRestart(const ReplicaObservation& seen, Replica* replica) {
    if (replica->succeeded()) return false;
    const Nanoseconds backoff = RestartBackoff(replica->restarts());
    if (seen.ended_for < backoff) {
      LookAgain(backoff - seen.ended_for);
      return false;
    }
    // The old one's scratch is freed once the new name is committed; CollectGarbage() sees to it
    // when a crash comes between.
    replica->set_restarts(replica->restarts() + 1);
    replica->set_state(Replica::LAUNCHING);
    replica->set_id(ReplicaId(*replica));
    return true;
  }

  std::string ReplicaId(const Replica& replica) const {
    return fmt::format("job-{}-a{}-{}-{}-r{}", record_.uid(), record_.attempt().number(),
                       replica.role(), replica.index(), replica.restarts());
  }

  bool BecomeRunning() {
    if (record_.job().state() != Job::PREPARING) return false;
    const auto& replicas = record_.attempt().replicas();
    const bool all = std::all_of(replicas.begin(), replicas.end(), [this](const Replica& replica) {
      const exec::ReplicaPhase phase = Seen(replica).phase;
      return phase == exec::ReplicaPhase::kRunning || Ended(phase);
    });
    // A master that has ended was running, whatever became of the others.
    const bool master_ended = !replicas.empty() && replicas[0].state() == Replica::ENDED;
    if (!all && !master_ended) return false;
    record_.mutable_job()->set_state(Job::RUNNING);
    SetTime(seen_.now, record_.mutable_job()->mutable_start_time());
    Log(LogSeverity::kInfo, "Job is running.");
    return true;
  }

  // Nothing of the attempt runs any more; otherwise stopping it is among the effects.
  bool Torn() {
    bool torn = true;
    for (const Replica& replica : record_.attempt().replicas()) {
      if (replica.id().empty() || replica.state() == Replica::STATE_UNSPECIFIED) continue;
      const exec::ReplicaPhase phase = Seen(replica).phase;
      // Unknown: it was never started, and only we could.
      if (phase == exec::ReplicaPhase::kUnknown || Ended(phase)) continue;
      step_.effects.stop.push_back(replica.id());
      torn = false;
    }
    return torn;
  }

  bool NextAttempt() {
    if (!Torn()) return false;
    const Attempt& attempt = record_.attempt();
    if (attempt.number() >= kAttemptsMax) {
      return Decide(Job::FAILED, AttemptsExhausted(attempt.lost_reason(), attempt.number()));
    }
    Log(LogSeverity::kWarning, fmt::format("Attempt {} of {} ended: {}. The job is started again.",
                                           attempt.number(), kAttemptsMax, attempt.lost_reason()));
    BeginAttempt(attempt.number() + 1);
    return true;
  }

  void BeginAttempt(int number) {
    Attempt* attempt = record_.mutable_attempt();
    attempt->Clear();
    attempt->set_number(number);
    attempt->set_phase(Attempt::PREPARING);
    const Cluster cluster = ClusterOf(machines_, record_.job().training_input());
    for (const ReplicaGroup& group : cluster.groups) {
      for (int i = 0; i < group.count; ++i) {
        Replica* replica = attempt->add_replicas();
        replica->set_role(group.role);
        replica->set_index(i);
        replica->set_id(ReplicaId(*replica));
      }
    }
  }

  // The outcome is decided: stop what runs, then end.
  bool Wind() {
    if (!Torn()) return false;
    Job* job = record_.mutable_job();
    job->set_state(record_.outcome().state());
    job->set_error_message(record_.outcome().error_message());
    job->set_job_position(0);
    SetTime(seen_.now, job->mutable_end_time());
    FillOutput(job);
    LogEnd();
    return true;
  }

  void FillOutput(Job* job) {
    if (!job->has_training_input()) return;
    auto* output = job->mutable_training_output();
    if (!job->has_start_time()) return;
    output->set_consumed_ml_units(
        ConsumedMlUnits(machines_, ClusterOf(machines_, job->training_input()),
                        GetTime(job->end_time()) - GetTime(job->start_time())));
  }

  void LogEnd() {
    if (record_.attempt().phase() == Attempt::LAUNCHED) {
      Log(LogSeverity::kInfo, "Finished tearing down training program.");
    }
    const Outcome& outcome = record_.outcome();
    if (outcome.state() == Job::SUCCEEDED) {
      Log(LogSeverity::kInfo, "Job completed successfully.");
    } else if (outcome.state() == Job::CANCELLED) {
      Log(LogSeverity::kInfo,
          outcome.error_message().empty() ? "Job was cancelled." : outcome.error_message());
    } else {
      Log(LogSeverity::kError, outcome.error_message());
      Log(LogSeverity::kError, "Job failed.");
    }
  }

  bool CleanUp() {
    for (const Replica& replica : record_.attempt().replicas()) {
      if (Ended(Seen(replica).phase)) step_.effects.remove.push_back(replica.id());
    }
    return false;
  }

  friend void hodei::jobs::PlaceJob(const Machines&, const Grant&, JobRecord*,
                                    std::vector<LogLine>*);

  const Machines& machines_;
  const JobObservation& seen_;
  JobRecord& record_;
  JobStep& step_;
};

}  // namespace

std::chrono::seconds RestartBackoff(int restarts) {
  return std::chrono::seconds(1LL << std::clamp(restarts, 0, 4));
}

JobStep PlanJob(const Machines& machines, const JobRecord& record,
                const JobObservation& observation) {
  JobStep step;
  step.next = record;
  step.changed = Step(machines, observation, &step.next, &step).Run();
  if (step.changed) step.effects = {};
  return step;
}

void PlaceJob(const Machines& machines, const Grant& grant, JobRecord* record,
              std::vector<LogLine>* log) {
  JobStep step;
  const JobObservation nothing;
  Step(machines, nothing, record, &step).BeginAttempt(1);
  *record->mutable_grant() = grant;
  record->mutable_job()->set_state(Job::PREPARING);
  record->mutable_job()->set_job_position(0);
  record->mutable_job()->mutable_training_output();
  log->push_back({LogSeverity::kInfo, "Waiting for job to be provisioned."});
  log->push_back({LogSeverity::kInfo, "Job is preparing."});
  if (grant.clamped()) {
    const Cluster cluster = ClusterOf(machines, record->job().training_input());
    log->push_back(
        {LogSeverity::kWarning,
         fmt::format("The job's machine types have {} together, and this host has less. "
                     "It runs with {} (capacity.policy: fit).",
                     Describe(ClaimOf(cluster)),
                     Describe({grant.cpu_millis(), grant.memory_bytes(), grant.gpus_size()}))});
  }
}

}  // namespace hodei::jobs
