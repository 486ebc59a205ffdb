// Starts a run for each batch prediction that has not ended, oldest first, a few at a time; ends
// what was cancelled. After a restart of the server a job begins anew.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "domain/prediction/batch_run.h"

namespace hodei::prediction {

// Runs at the same time; further jobs stay queued.
inline constexpr size_t kBatchRunsMax = 2;

class BatchReconciler {
 public:
  // Before the server takes requests: what is held now is of an earlier life.
  BatchReconciler(BatchOptions options, BatchDependencies dependencies);
  ~BatchReconciler();
  BatchReconciler(const BatchReconciler&) = delete;
  BatchReconciler& operator=(const BatchReconciler&) = delete;

  void Start();
  // Cheap, from any thread.
  void EnvironmentsChanged();

 private:
  void Loop(std::stop_token stop);
  Status LoadAll();
  void Look(const std::string& name);
  void Run(const std::string& name);
  void StartRuns();
  void ReleaseForgotten(const std::vector<std::string>& live);
  void RemoveStrays();

  const BatchOptions options_;
  const BatchDependencies deps_;
  const Result<std::vector<std::string>> earlier_holders_;
  jobs::JobTable table_;
  std::map<int64_t, std::string> queue_;                   // by order of creation
  std::map<std::string, std::unique_ptr<BatchRun>> runs_;  // by job name

  std::mutex mutex_;
  std::condition_variable_any woken_;
  bool news_ = false;               // guarded by mutex_
  bool environments_news_ = false;  // guarded by mutex_
  std::set<std::string> changed_;   // guarded by mutex_
  std::unique_ptr<store::MetaStore::Watch> watch_;
  std::jthread thread_;  // last
};

}  // namespace hodei::prediction
