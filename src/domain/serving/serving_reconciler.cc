// The loop, the inbox and what others may see. Steps and effects of one version:
// serving_steps.cc.
#include "domain/serving/serving_reconciler.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "domain/models/model_name.h"
#include "domain/serving/model_files.h"
#include "domain/serving/serving_entry.h"

namespace hodei::serving {
namespace {

using google::cloud::ml::v1::Version;

constexpr std::chrono::minutes kLongestSleep{10};

// "srv-UID-xxxx" → "UID"; empty when it is none of ours.
std::string UidOfReplica(std::string_view id) {
  const std::string_view prefix = kServingReplicaPrefix;
  if (!id.starts_with(prefix)) return "";
  id.remove_prefix(prefix.size());
  const size_t dash = id.find('-');
  return dash == std::string_view::npos ? "" : std::string(id.substr(0, dash));
}

}  // namespace

ServingReconciler::ServingReconciler(ServingOptions options, ServingDependencies dependencies)
    : options_(std::move(options)),
      deps_(dependencies),
      earlier_holders_(dependencies.objects->ListHolders(kHolderPrefix)) {
  watch_ =
      deps_.store->WatchKind(models::kVersionKind, [this](const std::vector<std::string>& names) {
        const std::lock_guard lock(inbox_mutex_);
        changed_names_.insert(names.begin(), names.end());
        inbox_any_ = true;
        inbox_filled_.notify_all();
      });
}

ServingReconciler::~ServingReconciler() {
  watch_.reset();
  if (thread_.joinable()) {
    thread_.request_stop();
    inbox_filled_.notify_all();
    thread_.join();
  }
  // Their threads call TakeProbe().
  for (auto& [name, entry] : entries_) {
    for (auto& [id, node] : entry->nodes) node.probe.reset();
  }
}

void ServingReconciler::Start() {
  thread_ = std::jthread([this](std::stop_token stop) { Loop(stop); });
}

void ServingReconciler::Loop(std::stop_token stop) {
  while (!stop.stop_requested()) {
    const Nanoseconds wait = RunOnce();
    WaitForNews(stop, wait);
  }
}

void ServingReconciler::WaitForNews(std::stop_token stop, Nanoseconds at_most) {
  std::unique_lock lock(inbox_mutex_);
  inbox_filled_.wait_for(lock, stop, at_most, [this] { return inbox_any_; });
}

void ServingReconciler::ReplicaChanged(const std::string& replica_id) {
  if (!replica_id.starts_with(kServingReplicaPrefix)) return;
  const std::lock_guard lock(inbox_mutex_);
  changed_replicas_.insert(replica_id);
  inbox_any_ = true;
  inbox_filled_.notify_all();
}

void ServingReconciler::EnvironmentsChanged() {
  const std::lock_guard lock(inbox_mutex_);
  environments_changed_ = true;
  inbox_any_ = true;
  inbox_filled_.notify_all();
}

void ServingReconciler::Demand(const std::string& name) {
  const std::lock_guard lock(inbox_mutex_);
  demanded_names_.insert(name);
  inbox_any_ = true;
  inbox_filled_.notify_all();
}

void ServingReconciler::TakeProbe(ProbeResult result) {
  const std::lock_guard lock(inbox_mutex_);
  probed_.push_back(std::move(result));
  inbox_any_ = true;
  inbox_filled_.notify_all();
}

std::shared_ptr<Gate> ServingReconciler::GateOf(const std::string& uid, const std::string& name) {
  const std::lock_guard lock(mutex_);
  GateName& known = gates_[uid];
  if (known.gate == nullptr) {
    known.name = name;
    known.gate = std::make_shared<Gate>(deps_.clock, [this, name] { Demand(name); });
    if (closed_) known.gate->Refuse(Unavailable("The server is stopping."), true);
  }
  return known.gate;
}

void ServingReconciler::CloseGates() {
  std::vector<std::shared_ptr<Gate>> gates;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    for (const auto& [uid, known] : gates_) gates.push_back(known.gate);
  }
  for (const auto& gate : gates) gate->Refuse(Unavailable("The server is stopping."), true);
}

std::vector<ServingReconciler::GateName> ServingReconciler::Gates() const {
  const std::lock_guard lock(mutex_);
  std::vector<GateName> all;
  for (const auto& [uid, known] : gates_) all.push_back(known);
  return all;
}

hodei::v1::VersionServing ServingReconciler::Describe(const models::VersionRecord& record) {
  const std::string& name = record.version().name();
  hodei::v1::VersionServing shown;
  shown.set_name(name);
  shown.set_state(record.version().state());
  if (record.version().has_last_use_time()) {
    *shown.mutable_last_use_time() = record.version().last_use_time();
  }
  const std::shared_ptr<Gate> gate = GateOf(record.uid(), name);
  const RequestCounts counts = gate->Counts();
  const GateLoad load = gate->Load();
  shown.set_requests(counts.requests());
  shown.set_client_errors(counts.client_errors());
  shown.set_server_errors(counts.server_errors());
  shown.set_overloads(counts.overloads());
  shown.set_in_flight(load.in_flight);
  shown.set_waiting(load.waiting);
  shown.set_requests_per_second(counts.RequestsPerSecond(deps_.clock->Monotonic()));
  shown.set_latency_p50_ms(counts.LatencyMs(0.5));
  shown.set_latency_p90_ms(counts.LatencyMs(0.9));
  shown.set_latency_p99_ms(counts.LatencyMs(0.99));
  const std::lock_guard lock(mutex_);
  const auto seen = seen_.find(name);
  if (seen == seen_.end()) {
    shown.set_reason("It was not looked at yet.");
    return shown;
  }
  shown.set_nodes_ready(seen->second.ready);
  shown.set_nodes_starting(seen->second.starting);
  shown.set_nodes_draining(seen->second.draining);
  shown.set_crashes(seen->second.crashes);
  shown.set_reason(seen->second.reason);
  shown.set_engine(seen->second.engine);
  shown.set_engine_reason(seen->second.engine_reason);
  return shown;
}

Nanoseconds ServingReconciler::RunOnce() {
  if (!loaded_) {
    const Status loaded = LoadAll();
    if (!loaded.ok()) {
      spdlog::error("serving: {}", loaded.ToString());
      return options_.retry_interval;
    }
    loaded_ = true;
  }
  TakeInbox();
  const Nanoseconds now = deps_.clock->Monotonic();
  std::vector<std::string> due;
  for (const auto& [name, entry] : entries_) {
    if (entry->next_look <= now) due.push_back(name);
  }
  for (const std::string& name : due) {
    if (const auto it = entries_.find(name); it != entries_.end()) Step(it->second.get());
  }
  ShareMemory();
  Nanoseconds wait = kLongestSleep;
  const Nanoseconds then = deps_.clock->Monotonic();
  for (const auto& [name, entry] : entries_) wait = std::min(wait, entry->next_look - then);
  return std::max(wait, Nanoseconds(0));
}

Status ServingReconciler::LoadAll() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, deps_.registry->AllVersions());
  for (const std::string& name : names) Reload(name);
  ReleaseForgotten();
  AdoptNodes();
  return OkStatus();
}

// Holds whose version never came to be: the server ended between the two commits. Only those of
// an earlier life: a request of this one may stand between its commits now.
void ServingReconciler::ReleaseForgotten() {
  if (!earlier_holders_.ok()) {
    spdlog::error("serving: holds without a version stay: {}",
                  earlier_holders_.status().ToString());
    return;
  }
  for (const std::string& holder : *earlier_holders_) {
    if (by_uid_.contains(std::string_view(holder).substr(std::string_view(kHolderPrefix).size()))) {
      continue;
    }
    (void)deps_.objects->ReleaseGenerations(holder);
  }
}

void ServingReconciler::AdoptNodes() {
  const auto all = deps_.executor->List();
  if (!all.ok()) return;
  for (const exec::ReplicaStatus& status : *all) {
    const std::string uid = UidOfReplica(status.id);
    if (uid.empty()) continue;
    const auto owner = by_uid_.find(uid);
    if (owner == by_uid_.end()) {
      (void)deps_.executor->Stop(status.id, /*now=*/true);
      (void)deps_.executor->Remove(status.id);
      continue;
    }
    NodeEntry& node = owner->second->nodes[status.id];
    node.id = status.id;
    node.since = deps_.clock->Monotonic();
    Probe(*owner->second, &node);
  }
}

void ServingReconciler::TakeInbox() {
  std::set<std::string> names;
  std::set<std::string> demanded;
  std::set<std::string> replicas;
  std::vector<ProbeResult> probed;
  bool environments = false;
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_any_ = false;
    names.swap(changed_names_);
    demanded.swap(demanded_names_);
    replicas.swap(changed_replicas_);
    probed.swap(probed_);
    std::swap(environments, environments_changed_);
  }
  for (const std::string& name : names) Reload(name);
  for (const std::string& name : demanded) {
    if (const auto it = entries_.find(name); it != entries_.end()) {
      Due(it->second.get(), Nanoseconds(0));
    } else {
      CloseForgotten(name);
    }
  }
  for (const std::string& id : replicas) {
    const auto owner = by_uid_.find(UidOfReplica(id));
    if (owner != by_uid_.end()) {
      Due(owner->second, Nanoseconds(0));
    } else {
      // Nobody's: a version that is gone. Its end is all that is left.
      (void)deps_.executor->Stop(id, /*now=*/true);
      (void)deps_.executor->Remove(id);
    }
  }
  for (ProbeResult& result : probed) {
    const auto owner = by_uid_.find(UidOfReplica(result.id));
    if (owner == by_uid_.end()) continue;
    Entry* entry = owner->second;
    const auto it = entry->nodes.find(result.id);
    if (it == entry->nodes.end() || it->second.phase != NodePhase::kStarting) continue;
    NodeEntry& node = it->second;
    node.probe.reset();
    if (node.stop_asked) continue;
    node.phase = NodePhase::kReady;
    node.since = deps_.clock->Monotonic();
    node.node = std::make_shared<Node>();
    node.node->id = node.id;
    node.node->key = next_key_++;
    node.node->socket = std::move(result.socket);
    KeepCompiled(*entry, result.compiled);
    entry->engine = result.engine;
    entry->engine_reason = result.engine_reason;
    google::cloud::ml::v1::Framework framework;
    if (entry->version().framework() == google::cloud::ml::v1::FRAMEWORK_UNSPECIFIED &&
        entry->version().prediction_class().empty() &&
        google::cloud::ml::v1::Framework_Parse(result.framework, &framework)) {
      entry->stored.record.mutable_version()->set_framework(framework);
    }
    entry->crashes = 0;
    entry->failed_loads = 0;
    // A version is served when its record says READY, not before.
    if (entry->version().state() != Version::CREATING) entry->gate->AddNode(node.node);
    Due(entry, Nanoseconds(0));
  }
  if (!environments) return;
  for (auto& [name, entry] : entries_) {
    if (!entry->waiting_for.empty()) Due(entry.get(), Nanoseconds(0));
  }
}

void ServingReconciler::Reload(const std::string& name) {
  Result<models::StoredVersion> stored = deps_.registry->GetVersion(name);
  auto it = entries_.find(name);
  if (stored.status().code() == Code::kNotFound) {
    if (it != entries_.end()) Drop(it->second.get());
    return;
  }
  if (!stored.ok()) {
    const std::lock_guard lock(inbox_mutex_);
    changed_names_.insert(name);  // with the next pass
    return;
  }
  if (it != entries_.end() && it->second->record().uid() != stored->record.uid()) {
    Drop(it->second.get());  // deleted and made anew in between
    it = entries_.end();
  }
  if (it == entries_.end()) {
    it = entries_.emplace(name, std::make_unique<Entry>()).first;
    Entry* entry = it->second.get();
    entry->name = name;
    entry->gate = GateOf(stored->record.uid(), name);
    by_uid_[stored->record.uid()] = entry;
  }
  it->second->stored = std::move(*stored);
  Due(it->second.get(), Nanoseconds(0));
}

void ServingReconciler::Drop(Entry* entry) {
  entry->gate->Refuse(NotFound("The version was deleted."), true);
  {
    const std::lock_guard lock(mutex_);
    gates_.erase(entry->record().uid());
    seen_.erase(entry->name);
  }
  by_uid_.erase(entry->record().uid());
  entries_.erase(entry->name);
}

// A request that found the version a moment before it was gone made a gate anew.
void ServingReconciler::CloseForgotten(const std::string& name) {
  std::vector<std::shared_ptr<Gate>> forgotten;
  {
    const std::lock_guard lock(mutex_);
    for (auto it = gates_.begin(); it != gates_.end();) {
      if (it->second.name != name || by_uid_.contains(it->first)) {
        ++it;
        continue;
      }
      forgotten.push_back(it->second.gate);
      it = gates_.erase(it);
    }
  }
  for (const auto& gate : forgotten) gate->Refuse(NotFound("The version was deleted."), true);
}

void ServingReconciler::Due(Entry* entry, Nanoseconds after) {
  entry->next_look = std::min(entry->next_look, deps_.clock->Monotonic() + after);
}

// Jobs get what serving does not hold.
void ServingReconciler::ShareMemory() {
  int64_t bytes = 0;
  for (const auto& [name, entry] : entries_) {
    const int64_t each = NodeResources(entry->version(), options_.node).memory_bytes;
    for (const auto& [id, node] : entry->nodes) {
      if (node.phase != NodePhase::kEnded) bytes += each;
    }
  }
  deps_.host->Hold("serving", bytes);
}

}  // namespace hodei::serving
