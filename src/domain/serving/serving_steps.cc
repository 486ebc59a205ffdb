// One version: observe, plan, act.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "base/failpoint.h"
#include "base/random_id.h"
#include "domain/models/model_name.h"
#include "domain/models/registry_entry.h"
#include "domain/serving/load_error.h"
#include "domain/serving/model_files.h"
#include "domain/serving/serving_entry.h"
#include "sys/file.h"

namespace hodei::serving {
namespace {

using google::cloud::ml::v1::Version;
using google::logging::v2::LogSeverity;

constexpr std::chrono::hours kUnhurried{1};
// While requests wait, the oldest are looked at this often.
constexpr std::chrono::seconds kExpiryInterval{1};
constexpr std::chrono::minutes kLastUseInterval{5};
constexpr size_t kNodeIdCharacters = 8;

bool Ended(exec::ReplicaPhase phase) {
  return phase == exec::ReplicaPhase::kExited || phase == exec::ReplicaPhase::kLost ||
         phase == exec::ReplicaPhase::kUnknown;
}

Nanoseconds Since(std::optional<Nanoseconds> start, Nanoseconds now) {
  return start ? std::max<Nanoseconds>(now - *start, Nanoseconds(1)) : Nanoseconds(0);
}

}  // namespace

std::string ServingReconciler::DirOf(const Entry& entry) const {
  return fmt::format("{}/{}", options_.dir, entry.record().uid());
}

std::string ServingReconciler::BuildIdOf(const Entry& entry) {
  return fmt::format("srv-{}-b{}", entry.record().uid(), entry.build);
}

ServedModel ServingReconciler::ModelOf(const Entry& entry) const {
  ServedModel model;
  model.project = entry.record().project();
  model.model = models::LastPart(models::ModelOfVersion(entry.name));
  model.version = models::LastPart(entry.name);
  model.spec = entry.version();
  model.source = entry.record().source();
  model.compiled = FileExists(CompiledPathOf(entry));
  return model;
}

void ServingReconciler::Log(const Entry& entry, bool error, std::string_view text) {
  if (deps_.logs == nullptr) return;
  const std::string source =
      fmt::format("models/{}/versions/{}", models::LastPart(models::ModelOfVersion(entry.name)),
                  models::LastPart(entry.name));
  (void)deps_.logs->AppendService(entry.record().project(), source,
                                  error ? LogSeverity::ERROR : LogSeverity::INFO, text);
}

void ServingReconciler::Step(Entry* entry) {
  entry->next_look = deps_.clock->Monotonic() + kUnhurried;
  entry->gate->Expire();
  const ServingSnapshot snapshot = Observe(entry);
  const ServingPlan plan = PlanServing(snapshot);
  {
    const std::lock_guard lock(mutex_);
    Seen& seen = seen_[entry->name];
    seen = {.crashes = entry->crashes_total,
            .reason = plan.reason.empty() ? "Its state is about to change." : plan.reason,
            .engine = entry->engine,
            .engine_reason = entry->engine_reason};
    if (!entry->waiting_for.empty()) seen.reason += " " + entry->waiting_for;
    if (!entry->trouble.empty()) seen.reason += " The last try failed: " + entry->trouble;
    for (const NodeObservation& node : snapshot.nodes) {
      seen.ready += node.phase == NodePhase::kReady ? 1 : 0;
      seen.starting += node.phase == NodePhase::kStarting ? 1 : 0;
      seen.draining += node.phase == NodePhase::kDraining ? 1 : 0;
    }
  }
  if (snapshot.waiting > 0) Due(entry, kExpiryInterval);
  if (plan.look_again) Due(entry, *plan.look_again);
  Act(entry, plan);
}

ServingSnapshot ServingReconciler::Observe(Entry* entry) {
  const Nanoseconds now = deps_.clock->Monotonic();
  ServingSnapshot seen;
  for (auto& [id, node] : entry->nodes) {
    NodeObservation observation;
    ObserveNode(entry, &node, &observation);
    seen.nodes.push_back(std::move(observation));
  }
  const Version& version = entry->version();
  const NodeLimits limits = NodeLimitsOf(version);
  const GateLoad load = entry->gate->Load();
  seen.state = version.state();
  seen.cancel_requested = entry->record().cancel_requested();
  seen.nodes_min = limits.min;
  seen.nodes_max = limits.max;
  seen.preparation = entry->preparation;
  seen.in_flight = load.in_flight;
  seen.waiting = load.waiting;
  seen.idle = now - load.last_use;
  seen.busy = Since(load.busy_since, now);
  seen.slack = Since(load.slack_since, now);
  seen.idle_limit = options_.idle_limit;
  seen.backoff = std::max(entry->start_after - now, Nanoseconds(0));
  seen.failed_loads = entry->failed_loads;
  ShareMemory();
  seen.room =
      RoomFor(NodeResources(version, options_.node).memory_bytes, deps_.host->held_memory_bytes(),
              deps_.host->jobs_memory_bytes(), deps_.host->total_memory_bytes());
  return seen;
}

void ServingReconciler::ObserveNode(Entry* entry, NodeEntry* node, NodeObservation* seen) {
  const Nanoseconds now = deps_.clock->Monotonic();
  if (node->phase != NodePhase::kEnded) {
    const auto status = deps_.executor->Observe(node->id);
    if (status.ok() && Ended(status->phase)) {
      const bool loading = node->phase == NodePhase::kStarting;
      node->end = *status;
      node->phase = NodePhase::kEnded;
      node->since = now;
      node->probe.reset();
      entry->gate->RemoveNode(node->id);
      node->load_error = FindLoadError(fmt::format("{}/logs/{}", DirOf(*entry), node->id));
      if (!node->stop_asked) {
        ++entry->crashes;
        ++entry->crashes_total;
        if (loading && node->load_error.empty()) ++entry->failed_loads;
        // The first is taken for bad luck and started again at once.
        entry->start_after = now + CrashBackoff(entry->crashes - 1);
        Log(*entry, true,
            fmt::format("The serving program {}{}{}", EndText(*status),
                        node->load_error.empty() ? "" : " ", node->load_error));
      }
    }
  }
  const Gate::NodeLoad load = entry->gate->LoadOf(node->id);
  seen->id = node->id;
  seen->phase = node->phase;
  seen->in_flight = load.in_flight;
  seen->age = now - node->since;
  seen->failures_in_a_row = load.failures_in_a_row;
  seen->stop_asked = node->stop_asked;
  if (node->phase != NodePhase::kEnded) return;
  seen->load_error = node->load_error;
  seen->end_text = EndText(node->end);
  seen->lost = node->end.phase != exec::ReplicaPhase::kExited || !node->end.exit.detail.empty();
}

void ServingReconciler::Act(Entry* entry, const ServingPlan& plan) {
  for (const std::string& id : plan.drain) {
    entry->gate->Drain(id);
    NodeEntry& node = entry->nodes[id];
    node.phase = NodePhase::kDraining;
    node.since = deps_.clock->Monotonic();
    Due(entry, Nanoseconds(0));
  }
  for (const std::string& id : plan.stop) StopNode(entry, id);
  if (plan.refuse_waiting) entry->gate->Refuse(*plan.refuse_waiting, false);
  if (entry->version().state() == Version::DELETING) {
    entry->gate->Refuse(NotFound("The version is being deleted."), true);
  }
  if (plan.prepare) Prepare(entry);
  Status status;
  for (int i = 0; i < plan.start && status.ok(); ++i) status = StartNode(entry);
  // A creation that fails looks at its ended nodes: they are removed afterwards.
  if (status.ok() && plan.created) status = FinishCreation(entry, *plan.created);
  for (const std::string& id : plan.remove) RemoveNode(entry, id);
  NoteLastUse(entry);
  if (status.ok() && plan.deleted) {
    status = FinishDeletion(entry);
    if (status.ok()) return;  // the entry is gone
  }
  entry->trouble = status.message();
  if (!status.ok()) {
    spdlog::warn("serving of '{}': {}", entry->name, status.ToString());
    Due(entry, options_.retry_interval);
  }
}

void ServingReconciler::Prepare(Entry* entry) {
  entry->waiting_for.clear();
  const Result<environments::State> state = EnsureEnvironment(entry);
  if (!state.ok()) {
    const Code code = state.status().code();
    if (code == Code::kFailedPrecondition || code == Code::kInvalidArgument) {
      entry->preparation = {PreparationState::kFailed, state.status().message()};
      Due(entry, Nanoseconds(0));
      return;
    }
    entry->trouble = state.status().message();
    entry->waiting_for = "It is tried again after an error.";
    return Due(entry, options_.retry_interval);
  }
  switch (state->phase) {
    case environments::State::kBuilding:
      entry->waiting_for =
          state->waiting_for.empty() ? "It is being prepared." : state->waiting_for + ".";
      return;
    case environments::State::kFailed:
      ++entry->build;
      entry->preparation = {PreparationState::kFailed, state->error};
      break;
    case environments::State::kReady:
      entry->environment = *state;
      entry->preparation = {PreparationState::kReady, ""};
      for (const std::string& note : state->notes) Log(*entry, false, note);
  }
  Due(entry, Nanoseconds(0));
}

Result<environments::State> ServingReconciler::EnsureEnvironment(Entry* entry) {
  const models::ModelSource& source = entry->record().source();
  const std::string staged = DirOf(*entry) + "/files";
  RETURN_IF_ERROR(MakeDirectories(DirOf(*entry)));
  RETURN_IF_ERROR(StageSource(deps_.objects, HolderOf(entry->record().uid()), source, staged));
  if (entry->packages.size() != static_cast<size_t>(source.packages_size())) {
    entry->packages.clear();
    for (int i = 0; i < source.packages_size(); ++i) {
      const std::string path = fmt::format("{}/packages/{}", staged, i);
      ASSIGN_OR_RETURN(std::string digest, Sha256OfFile(path));
      entry->packages.push_back(
          {.host_path = path, .file_name = source.packages(i).path(), .sha256 = std::move(digest)});
    }
  }
  environments::Request request;
  ASSIGN_OR_RETURN(request.runtime, deps_.environments->Resolve(entry->version().runtime_version(),
                                                                entry->version().python_version()));
  request.packages = entry->packages;
  request.layers.assign(source.layers().begin(), source.layers().end());
  request.build_id = BuildIdOf(*entry);
  return deps_.environments->Ensure(request);
}

Status ServingReconciler::StartNode(Entry* entry) {
  const std::string dir = DirOf(*entry);
  const std::string id = fmt::format("{}{}-{}", kServingReplicaPrefix, entry->record().uid(),
                                     RandomId(kNodeIdCharacters));
  const ServedModel model = ModelOf(*entry);
  const std::string config_dir = dir + "/config";
  const std::string config = ServeConfig(model, NodeResources(model.spec, options_.node));
  RETURN_IF_ERROR(MakeDirectories(config_dir, 0755));
  // A request waits for this node: the disk is waited for only when there is something new.
  if (ReadFile(config_dir + "/config.json").value_or("") != config) {
    RETURN_IF_ERROR(WriteFileDurably(config_dir + "/config.json", config, 0644));
  }
  const std::string log_dir = fmt::format("{}/logs/{}", dir, id);
  RETURN_IF_ERROR(MakeDirectories(log_dir));
  const auto stored = deps_.registry->GetModel(models::ModelOfVersion(entry->name));
  if (deps_.logs != nullptr && stored.ok() &&
      stored->record.model().online_prediction_console_logging()) {
    RETURN_IF_ERROR(deps_.logs->AddSource(
        {.project = model.project,
         .job_id = fmt::format("models/{}/versions/{}", model.model, model.version),
         .task_name = "online_prediction",
         .trial_id = "",
         .source_id = id,
         .dir = log_dir}));
  }
  const exec::ReplicaSpec spec =
      NodeSpec(model, id, entry->environment, dir + "/files", config_dir, log_dir, options_.node);
  HODEI_FAILPOINT("serving.start");
  RETURN_IF_ERROR_CTX(deps_.executor->Start(spec), "start a node");
  HODEI_FAILPOINT("serving.started");
  NodeEntry& node = entry->nodes[id];
  node.id = id;
  node.since = deps_.clock->Monotonic();
  Probe(*entry, &node);
  Due(entry, Nanoseconds(0));
  return OkStatus();
}

void ServingReconciler::Probe(const Entry& entry, NodeEntry* node) {
  node->probe = std::make_unique<NodeProbe>(
      deps_.executor, node->id, /*want_compiled=*/!FileExists(CompiledPathOf(entry)),
      [this](ProbeResult result) { TakeProbe(std::move(result)); });
}

std::string ServingReconciler::CompiledPathOf(const Entry& entry) const {
  return CompiledPath(options_.dir, entry.record().uid());
}

// Later nodes start from it and need no interpreter. They can do without.
void ServingReconciler::KeepCompiled(const Entry& entry, const std::string& bytes) {
  if (bytes.empty()) return;
  const Status kept = WriteFileDurably(CompiledPathOf(entry), bytes, 0644);
  if (!kept.ok()) {
    spdlog::warn("the compiled form of '{}' is not kept: {}", entry.name, kept.ToString());
  }
}

void ServingReconciler::StopNode(Entry* entry, const std::string& id) {
  NodeEntry& node = entry->nodes[id];
  if (node.phase == NodePhase::kReady) {
    node.phase = NodePhase::kDraining;
    node.since = deps_.clock->Monotonic();
  }
  if (node.stop_asked) return;
  node.stop_asked = true;
  (void)deps_.executor->Stop(id);
}

void ServingReconciler::RemoveNode(Entry* entry, const std::string& id) {
  if (!deps_.executor->Remove(id).ok()) return;
  (void)RemoveTree(fmt::format("{}/logs/{}", DirOf(*entry), id));
  entry->nodes.erase(id);
  Due(entry, Nanoseconds(0));
}

Status ServingReconciler::FinishCreation(Entry* entry, const Status& error) {
  HODEI_FAILPOINT("serving.created");
  const Status finished = deps_.registry->FinishCreation(entry->stored, error);
  if (finished.code() == Code::kAborted) {
    Reload(entry->name);  // cancelled or relabelled meanwhile: judged again
    return OkStatus();
  }
  RETURN_IF_ERROR(finished);
  if (error.ok()) {
    Log(*entry, false, "The model was loaded; the version is ready.");
    for (auto& [id, node] : entry->nodes) {
      if (node.phase == NodePhase::kReady) entry->gate->AddNode(node.node);
    }
  } else {
    Log(*entry, true, error.message());
  }
  Reload(entry->name);
  return OkStatus();
}

Status ServingReconciler::FinishDeletion(Entry* entry) {
  RETURN_IF_ERROR(deps_.objects->ReleaseGenerations(HolderOf(entry->record().uid())));
  HODEI_FAILPOINT("serving.deleted");
  const Status finished = deps_.registry->FinishDeletion(entry->stored);
  if (finished.code() == Code::kAborted) {
    Reload(entry->name);
    return finished;
  }
  RETURN_IF_ERROR(finished);
  deps_.environments->Release(BuildIdOf(*entry));
  (void)RemoveTree(DirOf(*entry));
  Drop(entry);
  return OkStatus();
}

// For clients that look for versions nobody uses; coarse, and no harm when it is lost.
void ServingReconciler::NoteLastUse(Entry* entry) {
  if (entry->version().state() != Version::READY || entry->gate->Counts().requests() == 0) return;
  const Nanoseconds now = deps_.clock->Monotonic();
  const Nanoseconds last_use = entry->gate->Load().last_use;
  if (last_use <= entry->last_use_noted ||
      (entry->last_use_noted != Nanoseconds(0) && now - entry->last_use_noted < kLastUseInterval)) {
    return;
  }
  models::StoredVersion noted = entry->stored;
  models::SetTime(deps_.clock->Now() + (last_use - now),
                  noted.record.mutable_version()->mutable_last_use_time());
  entry->last_use_noted = now;
  (void)deps_.registry->ReplaceVersion(noted);
}

}  // namespace hodei::serving
