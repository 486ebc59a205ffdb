// The loop, the inbox and the queue. Steps and effects of single jobs: reconciler_steps.cc,
// reconciler_effects.cc.
#include "domain/jobs/reconciler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "domain/jobs/reconciler_entry.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::Job;

constexpr std::chrono::hours kLongestSleep{1};

// "job-UID-a1-master-0-r0" → "UID"; empty when it is none of ours.
std::string UidOfReplica(std::string_view id) {
  const std::string_view prefix = kJobReplicaPrefix;
  if (!id.starts_with(prefix)) return "";
  id.remove_prefix(prefix.size());
  const size_t dash = id.find('-');
  return dash == std::string_view::npos ? "" : std::string(id.substr(0, dash));
}

Claim ClaimOf(const Grant& grant) {
  return {grant.cpu_millis(), grant.memory_bytes(), grant.gpus_size()};
}

}  // namespace

bool JobReconciler::OldestFirst::operator()(const Entry* a, const Entry* b) const {
  return a->create_order < b->create_order;
}

JobReconciler::JobReconciler(ReconcilerOptions options, ReconcilerDependencies dependencies)
    : options_(std::move(options)),
      deps_(dependencies),
      table_(dependencies.store),
      side_work_(options_.side_threads) {
  const exec::Capabilities& host = deps_.executor->capabilities();
  total_.cpu_millis = options_.cpu_millis > 0 ? options_.cpu_millis : host.cpu_millis;
  total_.memory_bytes = options_.memory_bytes > 0 ? options_.memory_bytes : host.memory_bytes;
  total_.gpus = static_cast<int64_t>(host.gpus.size());
  free_gpus_.insert(host.gpus.begin(), host.gpus.end());
  watch_ = deps_.store->WatchKind(kJobKind, [this](const std::vector<std::string>& names) {
    const std::lock_guard lock(inbox_mutex_);
    changed_jobs_.insert(names.begin(), names.end());
    inbox_filled_.notify_all();
  });
}

JobReconciler::~JobReconciler() {
  watch_.reset();
  if (thread_.joinable()) {
    thread_.request_stop();
    inbox_filled_.notify_all();
    thread_.join();
  }
}

void JobReconciler::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Loop(stop); });
}

void JobReconciler::Loop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const Nanoseconds wait = RunOnce();
    if (wait > Nanoseconds(0)) WaitForWork(stop, wait);
  }
}

void JobReconciler::WaitForWork(std::stop_token stop, Nanoseconds at_most) {
  std::unique_lock lock(inbox_mutex_);
  inbox_filled_.wait_for(lock, stop, std::min<Nanoseconds>(at_most, kLongestSleep),
                         [this] { return InboxFilled(); });
}

void JobReconciler::ReplicaChanged(const std::string& replica_id) {
  if (!replica_id.starts_with(kJobReplicaPrefix)) return;
  const std::lock_guard lock(inbox_mutex_);
  changed_replicas_.insert(replica_id);
  inbox_filled_.notify_all();
}

void JobReconciler::EnvironmentsChanged() {
  const std::lock_guard lock(inbox_mutex_);
  environments_changed_ = true;
  inbox_filled_.notify_all();
}

Nanoseconds JobReconciler::RunOnce() {
  if (!loaded_) {
    const Status loaded = LoadAll();
    if (!loaded.ok()) return options_.retry_interval;
    loaded_ = true;
  }
  TakeCompletions();
  TakeInbox();
  const Nanoseconds now = deps_.clock->Monotonic();
  while (!timers_.empty() && timers_.begin()->first <= now) {
    Entry* entry = timers_.begin()->second;
    SetTimer(entry, std::nullopt);
    MarkDue(entry);
  }
  Announce();
  if (queue_changed_) Place();
  StepDueJobs();
  if (now >= next_sweep_) Sweep();
  if (!due_.empty() || queue_changed_ || !unannounced_.empty()) return Nanoseconds(0);
  Nanoseconds wait = next_sweep_ - now;
  if (!timers_.empty()) wait = std::min(wait, timers_.begin()->first - now);
  if (!unreadable_.empty()) wait = std::min<Nanoseconds>(wait, options_.retry_interval);
  return std::max(wait, Nanoseconds(0));
}

void JobReconciler::RunUntilIdle(int passes) {
  for (int i = 0; i < passes; ++i) {
    const bool idle = RunOnce() > Nanoseconds(0);
    const std::lock_guard lock(inbox_mutex_);
    if (idle && !InboxFilled()) return;
  }
}

bool JobReconciler::InboxFilled() const {
  return capacity_changed_ || !changed_jobs_.empty() || !changed_replicas_.empty() ||
         environments_changed_ || !completed_.empty();
}

Status JobReconciler::LoadAll() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, table_.LiveNames());
  for (const std::string& name : names) Reload(name);
  next_sweep_ = deps_.clock->Monotonic();
  return OkStatus();
}

void JobReconciler::TakeInbox() {
  std::set<std::string> jobs;
  std::set<std::string> replicas;
  bool environments = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    jobs.swap(changed_jobs_);
    replicas.swap(changed_replicas_);
    std::swap(environments, environments_changed_);
    if (std::exchange(capacity_changed_, false)) queue_changed_ = true;
  }
  if (!unreadable_.empty() && deps_.clock->Monotonic() >= next_reread_) {
    jobs.insert(unreadable_.begin(), unreadable_.end());
  }
  for (const std::string& name : jobs) Reload(name);
  for (const std::string& id : replicas) {
    const auto name = names_by_uid_.find(UidOfReplica(id));
    if (name == names_by_uid_.end()) continue;
    if (const auto it = entries_.find(name->second); it != entries_.end())
      MarkDue(it->second.get());
  }
  if (!environments) return;
  for (Entry* entry : preparing_) {
    // An answer that is on its way may be older than the news.
    if (entry->asked == Entry::kAsked) entry->asked = Entry::kAskAgain;
    MarkDue(entry);
  }
}

void JobReconciler::RunAside(Entry* entry, std::function<Completion()> work) {
  if (side_work_.inline_only()) return work()(entry);
  ++entry->tasks;
  ++side_tasks_;
  side_work_.Submit([this, name = entry->name, work = std::move(work)] {
    Completion completion = work();
    const std::lock_guard lock(inbox_mutex_);
    completed_.emplace_back(name, std::move(completion));
    inbox_filled_.notify_all();
  });
}

void JobReconciler::TakeCompletions() {
  std::vector<std::pair<std::string, Completion>> completed;
  {
    const std::lock_guard lock(inbox_mutex_);
    completed.swap(completed_);
  }
  for (const auto& [name, completion] : completed) {
    Entry* entry = entries_.find(name)->second.get();  // a task keeps its entry
    --side_tasks_;
    --entry->tasks;
    completion(entry);
    if (entry->finishing && entry->tasks == 0) Finish(entry);
  }
  if (completed.empty()) return;
  for (Entry* entry : crowded_) MarkDue(entry);
  crowded_.clear();
}

void JobReconciler::Reload(const std::string& name) {
  Result<StoredJob> stored = table_.Get(name);
  auto it = entries_.find(name);
  if (!stored.ok()) {
    if (stored.status().code() == Code::kNotFound) return;
    // Keep what is known and come back.
    unreadable_.insert(name);
    next_reread_ = deps_.clock->Monotonic() + options_.retry_interval;
    return;
  }
  unreadable_.erase(name);
  // Batch predictions have a reconciler of their own (domain/prediction).
  if (stored->record.job().has_prediction_input()) return;
  if (it == entries_.end()) {
    if (IsTerminal(stored->record.job().state())) return;
    it = entries_.emplace(name, std::make_unique<Entry>()).first;
    Entry* entry = it->second.get();
    entry->name = name;
    entry->record = std::move(stored->record);
    entry->revision = stored->revision;
    entry->create_order = stored->create_order;
    Admit(entry);
    return;
  }
  Entry* entry = it->second.get();
  if (entry->revision == stored->revision) return;
  entry->revision = stored->revision;
  entry->record = std::move(stored->record);
  if (entry->next) MergeServiceFields(entry->record, &*entry->next);
  if (entry->record.cancel_requested()) Dequeue(entry);
  MarkDue(entry);
}

// A job seen for the first time by this process.
void JobReconciler::Admit(Entry* entry) {
  const JobRecord& record = entry->record;
  names_by_uid_[record.uid()] = entry->name;
  entry->claim = ClaimOf(ClusterOf(*deps_.machines, record.job().training_input()));
  const WallTime now = deps_.clock->Now();
  const Nanoseconds monotonic = deps_.clock->Monotonic();
  const auto since = [&](const google::protobuf::Timestamp& time) {
    const WallTime then{time.seconds() * 1'000'000'000 + time.nanos()};
    return monotonic - std::max(now - then, Nanoseconds(0));
  };
  entry->created = since(record.job().create_time());
  if (record.job().has_start_time()) entry->running = since(record.job().start_time());
  if (!record.announced()) unannounced_.push_back(entry);
  if (record.has_grant()) {
    entry->grant = record.grant();
    for (const std::string& gpu : record.grant().gpus()) free_gpus_.erase(gpu);
    const std::lock_guard lock(mutex_);
    used_ = used_ + ClaimOf(record.grant());
  } else if (record.job().state() == Job::QUEUED && !record.cancel_requested()) {
    Enqueue(entry);
  }
  MarkDue(entry);
}

void JobReconciler::Drop(const std::string& name) {
  const auto it = entries_.find(name);
  if (it == entries_.end()) return;
  Entry* entry = it->second.get();
  Dequeue(entry);
  SetTimer(entry, std::nullopt);
  due_.erase(entry);
  preparing_.erase(entry);
  crowded_.erase(entry);
  std::erase(unannounced_, entry);
  names_by_uid_.erase(entry->record.uid());
  {
    const std::lock_guard lock(mutex_);
    waiting_for_.erase(name);
    if (entry->grant) used_ = used_ - ClaimOf(*entry->grant);
  }
  if (entry->grant) {
    free_gpus_.insert(entry->grant->gpus().begin(), entry->grant->gpus().end());
    queue_changed_ = true;
  }
  entries_.erase(it);
}

void JobReconciler::Enqueue(Entry* entry) {
  const int32_t priority = entry->record.job().training_input().scheduling().priority();
  const std::lock_guard lock(mutex_);
  const bool never = !CanEverFit(entry->claim, Capacity());
  if (!places_.insert({entry->name, {priority, entry->create_order, never}}).second) return;
  if (!never) queue_.Add({entry->name, priority, entry->create_order, entry->claim});
  queue_changed_ = true;
}

void JobReconciler::Dequeue(Entry* entry) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(entry->name);
  if (place == places_.end()) return;
  queue_.Remove(place->second.priority, place->second.order);
  places_.erase(place);
  queue_changed_ = true;
}

void JobReconciler::Announce() {
  std::vector<Entry*> entries;
  entries.swap(unannounced_);
  for (Entry* entry : entries) {
    if (!entry->next) entry->next = entry->record;
    entry->next->set_announced(true);
    entry->log.insert(
        entry->log.begin(),
        {{LogSeverity::kInfo, "Validating job requirements..."},
         {LogSeverity::kInfo, "Job creation request has been successfully validated."},
         {LogSeverity::kInfo, fmt::format("Job {} is queued.", entry->record.job().job_id())}});
    MarkDue(entry);
  }
}

void JobReconciler::Place() {
  std::vector<Placement> placements;
  {
    const std::lock_guard lock(mutex_);
    placements = PlanJobs(queue_, Capacity());
  }
  for (const Placement& placement : placements) {
    const auto it = entries_.find(placement.job.name);
    if (it == entries_.end()) continue;
    Dequeue(it->second.get());
    GiveGrant(placement, it->second.get());
  }
  queue_changed_ = !placements.empty();
}

void JobReconciler::GiveGrant(const Placement& placement, Entry* entry) {
  Grant grant;
  grant.set_cpu_millis(placement.grant.cpu_millis);
  grant.set_memory_bytes(placement.grant.memory_bytes);
  grant.set_clamped(placement.clamped);
  for (int64_t i = 0; i < placement.grant.gpus; ++i) {
    grant.add_gpus(free_gpus_.extract(free_gpus_.begin()).value());
  }
  {
    const std::lock_guard lock(mutex_);
    used_ = used_ + placement.grant;
  }
  // It counts from now on, whatever becomes of the commit: Drop() gives it back.
  entry->grant = grant;
  if (!entry->next) entry->next = entry->record;
  PlaceJob(*deps_.machines, grant, &*entry->next, &entry->log);
  if (entry->next->attempt().replicas_size() > 1 &&
      !deps_.executor->capabilities().network_groups) {
    entry->log.push_back({LogSeverity::kWarning,
                          "The replicas of this job cannot reach each other: this host offers no "
                          "private networks (see hodei doctor)."});
  }
  MarkDue(entry);
}

void JobReconciler::SetTimer(Entry* entry, std::optional<Nanoseconds> after) {
  if (entry->timer) timers_.erase({*entry->timer, entry});
  entry->timer.reset();
  if (!after) return;
  entry->timer = deps_.clock->Monotonic() + *after;
  timers_.insert({*entry->timer, entry});
}

void JobReconciler::MarkDue(Entry* entry) { due_.insert(entry); }

CapacitySnapshot JobReconciler::Capacity() const {
  Claim total = total_;
  total.memory_bytes = std::max<int64_t>(total.memory_bytes - serving_memory_, 0);
  return {total, used_, options_.policy, options_.parallel_jobs};
}

Claim JobReconciler::Used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

void JobReconciler::SetServingMemory(int64_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    if (serving_memory_ == bytes) return;
    serving_memory_ = bytes;
  }
  const std::lock_guard lock(inbox_mutex_);
  capacity_changed_ = true;
  inbox_filled_.notify_all();
}

int64_t JobReconciler::Position(std::string_view job_name) const {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(job_name);
  if (place == places_.end()) return 0;
  if (place->second.never) return static_cast<int64_t>(queue_.size()) + 1;
  return static_cast<int64_t>(queue_.Position(place->second.priority, place->second.order));
}

Insight JobReconciler::Explain(const JobRecord& record) const {
  Insight insight;
  const std::string name = NameOf(record);
  insight.claim = ClaimOf(ClusterOf(*deps_.machines, record.job().training_input()));
  insight.position = Position(name);
  const std::lock_guard lock(mutex_);
  insight.capacity = RoomOf(Capacity());
  insight.free = insight.capacity - used_;
  const auto waiting = waiting_for_.find(name);
  const std::string noted = waiting == waiting_for_.end() ? "" : waiting->second;
  const auto place = places_.find(name);
  switch (record.job().state()) {
    case Job::QUEUED:
      if (!noted.empty()) {
        insight.reason = noted;
      } else if (place == places_.end()) {
        insight.reason = "Accepted; the scheduler is about to look at it.";
      } else if (place->second.never) {
        insight.reason = WhyNever(insight.claim, Capacity());
      } else {
        insight.reason =
            WhyQueued(insight.claim, static_cast<size_t>(insight.position), Capacity());
      }
      break;
    case Job::PREPARING:
      insight.environment_progress = noted;
      insight.reason = noted.empty() ? "Its replicas are being started." : noted;
      break;
    case Job::RUNNING:
      insight.reason = record.has_outcome() ? "Its replicas are being stopped." : "It is running.";
      if (!noted.empty()) insight.reason += " " + noted;
      break;
    case Job::CANCELLING:
      insight.reason = "Cancelled; its replicas are being stopped.";
      break;
    default:
      insight.reason = record.job().error_message().empty() ? "The job has ended."
                                                            : record.job().error_message();
  }
  return insight;
}

}  // namespace hodei::jobs
