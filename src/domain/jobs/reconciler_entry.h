// What the reconciler keeps in memory about one unfinished job. Everything here can be lost: the
// record and the executor tell it again.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "domain/jobs/reconciler.h"

namespace hodei::jobs {

struct JobReconciler::Entry {
  std::string name;
  JobRecord record;  // as committed
  int64_t revision = 0;
  int64_t create_order = 0;
  Claim claim;

  std::optional<JobRecord> next;  // to be committed
  std::vector<LogLine> log;       // goes with `next`
  size_t log_appended = 0;        // lines of `log` that are in the job's log already
  JobEffects effects;             // of `record`, when there is no `next`

  std::optional<Grant> grant;  // counted in used_ and taken from free_gpus_
  bool socket_open = false;
  Nanoseconds created{};                                  // monotonic time, may be negative
  std::optional<Nanoseconds> running;                     // the same
  std::map<std::string, Nanoseconds> ended;               // first seen, by replica id
  std::map<std::string, std::vector<std::string>> tails;  // by replica id
  std::map<std::string, std::string> start_failures;      // by replica id
  std::set<std::string> starting;  // replica ids whose start is under way beside this thread
  int start_tries = 0;

  int tasks = 0;           // of RunAside() that have not ended: the entry may not go
  bool finishing = false;  // it has ended and goes with its last task

  int staged_attempt = 0;  // `files` belong to this attempt; 0: none
  std::vector<environments::PackageFile> files;
  enum { kNotAsked, kAsked, kAskAgain } asked = kNotAsked;
  std::optional<Result<environments::State>> ensured;  // the answer; used once
  Preparation preparation;
  bool troubled = false;  // waiting_for_ tells of an error
  std::optional<Nanoseconds> timer;

  // The record that the next step starts from.
  const JobRecord& newest() const { return next ? *next : record; }
};

// What came of staging a job's packages and asking for its environment.
struct JobReconciler::Ensured {
  int attempt = 0;
  std::vector<environments::PackageFile> files;
  std::vector<std::string> warnings;
  Result<environments::State> state = environments::State();
};

}  // namespace hodei::jobs
