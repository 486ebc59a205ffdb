// One batch prediction from its environment to its output files: straight-line code on threads of
// its own. It keeps nothing that a restart would miss: an interrupted run begins anew, and output
// becomes visible only when all of it is there.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/environments/environments.h"
#include "domain/jobs/job_log.h"
#include "domain/jobs/job_table.h"
#include "domain/prediction/batch_worker.h"
#include "domain/prediction/plan_shards.h"
#include "domain/serving/node_spec.h"
#include "domain/serving/serving_host.h"
#include "exec/executor.h"
#include "store/object/object_store.h"

namespace hodei::prediction {

// Of one shard: distinct texts beyond are counted as one.
inline constexpr size_t kErrorTextsMax = 1000;

// The holder of a job's input and model in the object store; `uid` is the job's.
std::string HolderOfBatch(const std::string& uid);
inline constexpr char kBatchHolderPrefix[] = "batch:";

struct BatchOptions {
  std::string jobs_dir;     // folder of jobs' folders
  std::string serving_dir;  // folder of versions' folders
  serving::NodeSettings node;
  // Counts in the record are renewed so often.
  std::chrono::milliseconds progress_interval{2000};
};

// Not owned.
struct BatchDependencies {
  store::MetaStore* store = nullptr;
  store::ObjectStore* objects = nullptr;
  exec::Executor* executor = nullptr;
  environments::Environments* environments = nullptr;
  jobs::JobLog* log = nullptr;
  serving::ServingHost* host = nullptr;
  const Clock* clock = nullptr;
};

class BatchRun {
 public:
  // Runs at once. `ended` is called from its thread when nothing is left to do.
  BatchRun(const BatchOptions& options, const BatchDependencies& dependencies, std::string name,
           std::function<void()> ended);
  // Stops it; the job goes on with the next run.
  ~BatchRun();

  // The job was cancelled: it ends as CANCELLED.
  void Cancel();
  void EnvironmentsChanged();
  bool has_ended() const { return ended_flag_; }
  int64_t memory_bytes() const { return memory_bytes_; }

 private:
  struct ShardOutput;

  void Run(std::stop_token stop);
  Status RunToTheEnd(std::stop_token stop);
  Status Announce();
  Status Prepare(std::stop_token stop);
  Status WriteConfig();
  Status WaitForRoom(std::stop_token stop);
  Status PlanWork();
  Status RunWorkers(std::stop_token stop);
  void Work(std::stop_token stop, int index);
  Status RunShard(std::stop_token stop, size_t shard, BatchWorker* worker);
  Status TakeAnswer(std::string_view body, ShardOutput* output);
  Result<std::string> StartReplica(int index);
  std::string Explain(const std::string& id);
  Status CommitOutput();
  Status CommitFile(std::unique_ptr<store::ObjectWriter> writer, const std::string& name);
  void RemoveCommitted();
  Status End(const Status& status);
  void LogEnd(google::cloud::ml::v1::Job::State state, const std::string& error);
  Status NoteProgress(bool log);
  Status Change(const std::function<bool(jobs::JobRecord*)>& edit);
  void Log(jobs::LogSeverity severity, const std::string& text);
  bool Wait(std::stop_token stop, Nanoseconds at_most);

  const BatchOptions options_;
  const BatchDependencies deps_;
  const std::string name_;
  const std::function<void()> ended_;
  jobs::JobTable table_;
  jobs::JobRecord record_;
  std::string dir_;
  serving::ServedModel model_;
  environments::State environment_;
  std::vector<Shard> shards_;
  std::vector<std::unique_ptr<ShardOutput>> outputs_;
  std::vector<std::string> committed_;
  int workers_ = 1;
  bool end_logged_ = false;
  std::string target_;
  std::string content_type_;

  std::atomic<bool> cancelled_{false};
  std::atomic<bool> ended_flag_{false};
  std::atomic<int64_t> memory_bytes_{0};
  std::atomic<int64_t> predictions_{0};
  std::atomic<int64_t> errors_{0};
  std::atomic<int64_t> node_nanos_{0};
  std::atomic<int> replicas_{0};

  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool news_ = false;      // guarded by mutex_
  size_t next_shard_ = 0;  // guarded by mutex_
  int working_ = 0;        // guarded by mutex_
  Status failure_;         // guarded by mutex_; the first
  std::jthread thread_;    // last
};

}  // namespace hodei::prediction
