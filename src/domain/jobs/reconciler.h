// Makes the world match the jobs' records: reads what is wanted and what the executor sees, lets
// PlanJobs() and PlanJob() decide, commits, and acts. A crash anywhere loses nothing, because the
// next start takes the same path from the same two readings.
//
//   JobReconciler reconciler(options, dependencies);
//   executor.OnChange([&](const std::string& id) { reconciler.ReplicaChanged(id); });
//   environments.OnChange([&] { reconciler.EnvironmentsChanged(); });
//   reconciler.Start();   // one thread of its own until the end of its life
//
// It takes no input but the store: the service writes records, and a watch on the store wakes it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/environments/environments.h"
#include "domain/jobs/job_log.h"
#include "domain/jobs/job_queue.h"
#include "domain/jobs/job_sockets.h"
#include "domain/jobs/job_table.h"
#include "domain/jobs/plan_job.h"
#include "domain/jobs/plan_jobs.h"
#include "domain/jobs/replica_spec.h"
#include "domain/jobs/side_work.h"
#include "exec/executor.h"
#include "store/object/object_store.h"

namespace hodei::jobs {

// Ids of jobs' replicas at the executor start with this; others are not ours to touch.
inline constexpr char kJobReplicaPrefix[] = "job-";

struct ReconcilerOptions {
  std::string jobs_dir;  // folder of jobs' folders
  CapacityPolicy policy = CapacityPolicy::kFit;
  int64_t cpu_millis = 0;     // what jobs may use together; 0: all that the executor has
  int64_t memory_bytes = 0;   // the same
  int64_t parallel_jobs = 1;  // CapacitySnapshot::parallel_jobs
  // Packages are copied, replicas started and removed on so many threads; 0: on the reconciling
  // one.
  int side_threads = 0;
  ReplicaSettings replica;
  // The executor is asked for forgotten replicas this often.
  std::chrono::seconds sweep_interval{300};
  // After an error of store, disk or executor the job is looked at again after this time.
  std::chrono::seconds retry_interval{1};
};

// Not owned; all outlive the reconciler.
struct ReconcilerDependencies {
  store::MetaStore* store = nullptr;
  store::ObjectStore* objects = nullptr;
  exec::Executor* executor = nullptr;
  environments::Environments* environments = nullptr;
  JobLog* log = nullptr;
  JobSockets* sockets = nullptr;
  const Clock* clock = nullptr;
  const Machines* machines = nullptr;
};

// Why a job is where it is.
struct Insight {
  std::string reason;    // a sentence, never empty
  int64_t position = 0;  // in the queue; 1 is next
  Claim claim;
  Claim capacity;
  Claim free;
  std::string environment_progress;
};

class JobReconciler {
 public:
  JobReconciler(ReconcilerOptions options, ReconcilerDependencies dependencies);
  // Stops its thread; running jobs go on.
  ~JobReconciler();
  JobReconciler(const JobReconciler&) = delete;
  JobReconciler& operator=(const JobReconciler&) = delete;

  // Begins the background thread. Without it, a test drives RunOnce().
  void Start();
  // Cheap, from any thread: they only note what to look at.
  void ReplicaChanged(const std::string& replica_id);
  void EnvironmentsChanged();

  // What jobs hold together, and what there is for them and serving. From any thread.
  Claim Used() const;
  const Claim& total() const { return total_; }
  // Memory that serving holds from now on: jobs are placed on the rest. From any thread.
  void SetServingMemory(int64_t bytes);

  // From any thread. `record` as the store has it.
  Insight Explain(const JobRecord& record) const;
  // 0 when the job is not queued. From any thread.
  int64_t Position(std::string_view job_name) const;

  // One pass over all that is due; returns when to look again at the latest. Called by the thread
  // or by a test, never by both.
  Nanoseconds RunOnce();
  // RunOnce() until nothing is due now; at most `passes` times.
  void RunUntilIdle(int passes = 1000);

 private:
  struct Entry;
  struct OldestFirst {
    bool operator()(const Entry* a, const Entry* b) const;
  };
  using Entries = std::map<std::string, std::unique_ptr<Entry>, std::less<>>;

  void Loop(std::stop_token stop);
  void WaitForWork(std::stop_token stop, Nanoseconds at_most);
  void TakeInbox();
  bool InboxFilled() const;  // with inbox_mutex_ held
  Status LoadAll();
  void Reload(const std::string& name);
  void Admit(Entry* entry);
  void Drop(const std::string& name);
  void Enqueue(Entry* entry);
  void Dequeue(Entry* entry);
  void Announce();
  void Place();
  void GiveGrant(const Placement& placement, Entry* entry);
  void StepDueJobs();
  Result<JobObservation> Observe(Entry* entry);
  Result<ReplicaObservation> ObserveReplica(Entry* entry, const Replica& replica);
  // False: an error came between; the entry has its timer.
  bool Plan(Entry* entry);
  void CommitDue(const std::vector<Entry*>& entries);
  Status MergeNewest(Entry* entry);
  // The service owns labels and the wish to cancel.
  static void MergeServiceFields(const JobRecord& newest, JobRecord* record);
  void AfterCommit(Entry* entry, int64_t revision);
  Status AppendLog(Entry* entry);
  void Act(Entry* entry);
  bool Prepare(Entry* entry);
  // Without a value: on its way; the entry is due when it is known.
  std::optional<Result<environments::State>> EnsureEnvironment(Entry* entry);
  void AskForEnvironment(Entry* entry);
  struct Ensured;
  Ensured EnsureNow(const JobRecord& record,
                    std::optional<std::vector<environments::PackageFile>> files) const;
  Result<environments::State> EnsureStaged(const JobRecord& record, Ensured* ensured) const;
  void TakeEnsured(Entry* entry, Ensured ensured);
  Status StartReplica(const JobRecord& record, int place,
                      const environments::State& environment) const;
  void StartReplicas(Entry* entry);
  void StartAside(Entry* entry, int place, const environments::State& environment);
  void StartEnded(Entry* entry, const std::string& id, const Status& started);
  // Runs `work` beside this thread and then what it returns on it. The entry stays until then.
  using Completion = std::function<void(Entry*)>;
  void RunAside(Entry* entry, std::function<Completion()> work);
  void TakeCompletions();
  Status OpenSocket(Entry* entry);
  void Finish(Entry* entry);
  void RemoveAside(std::vector<std::string> replicas, std::vector<std::string> folders);
  void Sweep();
  void SetTimer(Entry* entry, std::optional<Nanoseconds> after);
  void MarkDue(Entry* entry);
  void Trouble(Entry* entry, const Status& status);
  void TroubleIsOver(Entry* entry);
  CapacitySnapshot Capacity() const;  // with mutex_ held

  const ReconcilerOptions options_;
  const ReconcilerDependencies deps_;
  JobTable table_;
  Claim total_;

  // Only the reconciling thread uses these.
  bool loaded_ = false;
  Entries entries_;
  std::unordered_map<std::string, std::string> names_by_uid_;
  std::set<Entry*, OldestFirst> due_;
  std::set<std::pair<Nanoseconds, Entry*>> timers_;  // by monotonic time
  std::set<Entry*, OldestFirst> preparing_;
  int side_tasks_ = 0;                     // of RunAside() that have not ended
  std::set<Entry*, OldestFirst> crowded_;  // wait because of kSideTasksMax
  std::vector<Entry*> unannounced_;
  // Jobs whose records could not be read. While there are any, nothing is swept: their replicas
  // would look like nobody's.
  std::set<std::string> unreadable_;
  Nanoseconds next_reread_{};
  std::set<std::string> free_gpus_;
  Nanoseconds next_sweep_{};
  bool queue_changed_ = true;

  // What other threads may see: the queue, reasons, use.
  struct QueuePlace {
    int32_t priority = 0;
    int64_t order = 0;
    bool never = false;  // policy strict, and larger than the host
  };
  mutable std::mutex mutex_;
  JobQueue queue_;                                               // guarded by mutex_
  std::map<std::string, QueuePlace, std::less<>> places_;        // guarded by mutex_
  std::map<std::string, std::string, std::less<>> waiting_for_;  // guarded by mutex_
  Claim used_;                                                   // guarded by mutex_
  int64_t serving_memory_ = 0;                                   // guarded by mutex_

  // The inbox.
  mutable std::mutex inbox_mutex_;
  std::condition_variable_any inbox_filled_;
  std::set<std::string> changed_jobs_;                         // guarded by inbox_mutex_
  std::set<std::string> changed_replicas_;                     // guarded by inbox_mutex_
  bool environments_changed_ = false;                          // guarded by inbox_mutex_
  std::vector<std::pair<std::string, Completion>> completed_;  // by job; guarded by inbox_mutex_
  bool capacity_changed_ = false;                              // guarded by inbox_mutex_

  SideWork side_work_;  // its tasks use the inbox
  std::unique_ptr<store::MetaStore::Watch> watch_;
  std::jthread thread_;
};

}  // namespace hodei::jobs
