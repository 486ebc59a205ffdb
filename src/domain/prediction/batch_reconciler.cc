#include "domain/prediction/batch_reconciler.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace hodei::prediction {
namespace {

constexpr std::chrono::seconds kRetryInterval{1};
constexpr std::chrono::minutes kLongestSleep{10};

}  // namespace

BatchReconciler::BatchReconciler(BatchOptions options, BatchDependencies dependencies)
    : options_(std::move(options)),
      deps_(dependencies),
      earlier_holders_(dependencies.objects->ListHolders(kBatchHolderPrefix)),
      table_(dependencies.store) {
  watch_ = deps_.store->WatchKind(jobs::kJobKind, [this](const std::vector<std::string>& names) {
    const std::lock_guard lock(mutex_);
    changed_.insert(names.begin(), names.end());
    news_ = true;
    woken_.notify_all();
  });
}

BatchReconciler::~BatchReconciler() {
  watch_.reset();
  if (thread_.joinable()) {
    thread_.request_stop();
    woken_.notify_all();
    thread_.join();
  }
  runs_.clear();
}

void BatchReconciler::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Loop(stop); });
}

void BatchReconciler::EnvironmentsChanged() {
  const std::lock_guard lock(mutex_);
  environments_news_ = true;
  news_ = true;
  woken_.notify_all();
}

// Replicas of an earlier life of the server: their runs begin anew.
void BatchReconciler::RemoveStrays() {
  const auto all = deps_.executor->List();
  if (!all.ok()) return;
  for (const exec::ReplicaStatus& status : *all) {
    if (!status.id.starts_with(kBatchReplicaPrefix)) continue;
    (void)deps_.executor->Stop(status.id, /*now=*/true);
    (void)deps_.executor->Remove(status.id);
  }
}

Status BatchReconciler::LoadAll() {
  RemoveStrays();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, table_.LiveNames());
  for (const std::string& name : names) Look(name);
  ReleaseForgotten(names);
  return OkStatus();
}

// Holds whose job never came to be, or has ended: the server ended in between. Only those of an
// earlier life: a request of this one may stand between its hold and its job now.
void BatchReconciler::ReleaseForgotten(const std::vector<std::string>& live) {
  std::set<std::string> wanted;
  for (const std::string& name : live) {
    const auto stored = table_.Get(name);
    if (!stored.ok()) return;
    wanted.insert(HolderOfBatch(stored->record.uid()));
  }
  if (!earlier_holders_.ok()) {
    spdlog::error("batch predictions: holds without a job stay: {}",
                  earlier_holders_.status().ToString());
    return;
  }
  for (const std::string& holder : *earlier_holders_) {
    if (!wanted.contains(holder)) (void)deps_.objects->ReleaseGenerations(holder);
  }
}

void BatchReconciler::Look(const std::string& name) {
  const auto stored = table_.Get(name);
  if (!stored.ok() || !stored->record.job().has_prediction_input()) return;
  if (jobs::IsTerminal(stored->record.job().state())) return;
  const auto run = runs_.find(name);
  if (run == runs_.end() && stored->record.cancel_requested()) {
    queue_.erase(stored->create_order);
    Run(name);  // it ends at once
  } else if (run == runs_.end()) {
    queue_[stored->create_order] = name;
  } else if (stored->record.cancel_requested()) {
    run->second->Cancel();
  }
}

void BatchReconciler::Run(const std::string& name) {
  runs_[name] = std::make_unique<BatchRun>(options_, deps_, name, [this] {
    const std::lock_guard lock(mutex_);
    news_ = true;
    woken_.notify_all();
  });
}

void BatchReconciler::StartRuns() {
  std::erase_if(runs_, [](const auto& run) { return run.second->has_ended(); });
  while (!queue_.empty() && runs_.size() < kBatchRunsMax) {
    const std::string name = queue_.begin()->second;
    queue_.erase(queue_.begin());
    if (!runs_.contains(name)) Run(name);
  }
}

void BatchReconciler::Loop(std::stop_token stop) {
  bool loaded = false;
  while (!stop.stop_requested()) {
    if (!loaded) {
      const Status status = LoadAll();
      loaded = status.ok();
      if (!loaded) spdlog::error("batch predictions: {}", status.ToString());
    }
    std::set<std::string> changed;
    bool environments = false;
    {
      std::unique_lock lock(mutex_);
      news_ = false;
      changed.swap(changed_);
      environments = std::exchange(environments_news_, false);
    }
    for (const std::string& name : changed) Look(name);
    if (environments) {
      for (auto& [name, run] : runs_) run->EnvironmentsChanged();
    }
    StartRuns();
    std::unique_lock lock(mutex_);
    woken_.wait_for(lock, stop, loaded ? Nanoseconds(kLongestSleep) : Nanoseconds(kRetryInterval),
                    [this] { return news_; });
  }
}

}  // namespace hodei::prediction
