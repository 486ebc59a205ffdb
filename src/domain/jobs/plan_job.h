// What one job does next. A pure function of its record and of what was observed: no clock, no I/O.
//
// A step either changes the record, which must be committed before anything else happens, or has
// effects, which follow from the committed record alone. So a crash between the two, or in the
// middle of the effects, leads to the same effects again, and each of them may be repeated.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "domain/jobs/cluster.h"
#include "domain/jobs/job_log.h"
#include "exec/executor.h"
#include "hodei/jobs/record.pb.h"

namespace hodei::jobs {

inline constexpr int kReplicaRestartsMax = 5;
inline constexpr int kAttemptsMax = 3;
inline constexpr std::chrono::seconds kDefaultMaxRunningTime{7 * 24 * 3600};
inline constexpr std::chrono::seconds kMinMaxWaitTime{1800};

// Time before restart number `restarts` + 1: 1, 2, 4, 8, 16 seconds.
std::chrono::seconds RestartBackoff(int restarts);

struct ReplicaObservation {
  exec::ReplicaPhase phase = exec::ReplicaPhase::kUnknown;
  exec::ReplicaExit exit;
  Nanoseconds ended_for{};        // since the end was first seen
  std::vector<std::string> tail;  // last lines of its output, when it ended badly
};

// How packages and environment stand.
struct Preparation {
  enum Phase { kPending, kReady, kFailed } phase = kPending;
  std::string error;               // kFailed
  std::vector<std::string> notes;  // kReady: for the log
  std::vector<std::string> warnings;
};

struct JobObservation {
  WallTime now;
  Nanoseconds waited{};  // since it was created, as measured by a clock that does not jump
  Nanoseconds ran{};     // since it was RUNNING
  std::string waiting_for;
  std::map<std::string, ReplicaObservation> replicas;  // by Replica::id
  Preparation preparation;
};

struct LogLine {
  LogSeverity severity = LogSeverity::kInfo;
  std::string text;
  bool operator==(const LogLine&) const = default;
};

// Effects that the record asks for.
struct JobEffects {
  bool prepare = false;                   // stage packages, ensure the environment
  std::vector<int> start;                 // places in attempt.replicas
  std::vector<std::string> stop;          // executor ids
  std::vector<std::string> remove;        // executor ids
  std::optional<Nanoseconds> look_again;  // even if nothing happens
};

struct JobStep {
  bool changed = false;
  JobRecord next;
  std::vector<LogLine> log;  // to be appended with the change
  JobEffects effects;        // when nothing changed
};

JobStep PlanJob(const Machines& machines, const JobRecord& record,
                const JobObservation& observation);

// Puts a QUEUED job on its way: PREPARING with `grant`, its first attempt named.
void PlaceJob(const Machines& machines, const Grant& grant, JobRecord* record,
              std::vector<LogLine>* log);

}  // namespace hodei::jobs
