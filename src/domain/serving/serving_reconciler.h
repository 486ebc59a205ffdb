// Makes the world match the versions' records: stages files, builds environments, starts, drains
// and stops nodes, and says in the record when a version became READY, FAILED or gone.
//
//   ServingReconciler reconciler(options, dependencies);
//   // executor and environments call ReplicaChanged() and EnvironmentsChanged()
//   reconciler.Start();   // one thread of its own until the end of its life
//
// It takes no input but the store and the demand at the gates. What nodes there are it learns from
// the executor, so nodes of an earlier life of the server are taken over.
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
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/environments/environments.h"
#include "domain/models/registry.h"
#include "domain/serving/gate.h"
#include "domain/serving/node_probe.h"
#include "domain/serving/node_spec.h"
#include "domain/serving/plan_serving.h"
#include "domain/serving/serving_host.h"
#include "exec/executor.h"
#include "hodei/v1/serving_insight.pb.h"
#include "store/log/log_store.h"
#include "store/object/object_store.h"

namespace hodei::serving {

struct ServingOptions {
  std::string dir;  // folder of versions' folders
  NodeSettings node;
  std::chrono::seconds idle_limit{300};  // a version without nodes_min gives its last node back
  std::chrono::milliseconds retry_interval{1000};  // after an error of store, disk or executor
};

// Not owned; all outlive the reconciler.
struct ServingDependencies {
  store::MetaStore* store = nullptr;
  models::Registry* registry = nullptr;
  store::ObjectStore* objects = nullptr;
  exec::Executor* executor = nullptr;
  environments::Environments* environments = nullptr;
  store::LogStore* logs = nullptr;  // may be null: nothing is logged
  ServingHost* host = nullptr;
  const Clock* clock = nullptr;
};

class ServingReconciler {
 public:
  // Before the server takes requests: what is held now is of an earlier life.
  ServingReconciler(ServingOptions options, ServingDependencies dependencies);
  // Stops its thread; nodes go on.
  ~ServingReconciler();
  ServingReconciler(const ServingReconciler&) = delete;
  ServingReconciler& operator=(const ServingReconciler&) = delete;

  void Start();
  // Cheap, from any thread.
  void ReplicaChanged(const std::string& replica_id);
  void EnvironmentsChanged();
  // The gate of the version with this uid; made when there is none. From any thread.
  std::shared_ptr<Gate> GateOf(const std::string& uid, const std::string& name);
  // Refuses what waits and all later requests: the server stops.
  void CloseGates();
  // From any thread. `record` as the store has it.
  hodei::v1::VersionServing Describe(const models::VersionRecord& record);
  struct GateName {
    std::string name;  // of the version
    std::shared_ptr<Gate> gate;
  };
  std::vector<GateName> Gates() const;

  // One pass over all that is due; returns when to look again at the latest. Called by the thread
  // or by a test, never by both.
  Nanoseconds RunOnce();
  // Returns when something was noted that RunOnce() has not seen, or after `at_most`.
  void WaitForNews(std::stop_token stop, Nanoseconds at_most);

 private:
  struct NodeEntry;
  struct Entry;

  void Loop(std::stop_token stop);
  void TakeInbox();
  Status LoadAll();
  void AdoptNodes();
  void ReleaseForgotten();
  void Reload(const std::string& name);
  void Drop(Entry* entry);
  void CloseForgotten(const std::string& name);
  void Step(Entry* entry);
  ServingSnapshot Observe(Entry* entry);
  void ObserveNode(Entry* entry, NodeEntry* node, NodeObservation* seen);
  void Act(Entry* entry, const ServingPlan& plan);
  void Prepare(Entry* entry);
  Result<environments::State> EnsureEnvironment(Entry* entry);
  Status StartNode(Entry* entry);
  void StopNode(Entry* entry, const std::string& id);
  void RemoveNode(Entry* entry, const std::string& id);
  Status FinishCreation(Entry* entry, const Status& error);
  Status FinishDeletion(Entry* entry);
  void NoteLastUse(Entry* entry);
  void ShareMemory();
  void Probe(const Entry& entry, NodeEntry* node);
  void KeepCompiled(const Entry& entry, const std::string& bytes);
  void TakeProbe(ProbeResult result);
  void Log(const Entry& entry, bool error, std::string_view text);
  ServedModel ModelOf(const Entry& entry) const;
  std::string DirOf(const Entry& entry) const;
  std::string CompiledPathOf(const Entry& entry) const;
  static std::string BuildIdOf(const Entry& entry);
  void Due(Entry* entry, Nanoseconds after);
  void Demand(const std::string& name);

  const ServingOptions options_;
  const ServingDependencies deps_;
  const Result<std::vector<std::string>> earlier_holders_;  // before this server took a request

  // Only the reconciling thread uses these.
  bool loaded_ = false;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_;  // by version name
  std::map<std::string, Entry*, std::less<>> by_uid_;
  uint64_t next_key_ = 1;

  // What other threads may see.
  mutable std::mutex mutex_;
  bool closed_ = false;                                 // guarded by mutex_
  std::map<std::string, GateName, std::less<>> gates_;  // by uid; guarded by mutex_
  struct Seen {
    int ready = 0;
    int starting = 0;
    int draining = 0;
    int64_t crashes = 0;
    std::string reason;
    std::string engine;
    std::string engine_reason;
  };
  std::map<std::string, Seen, std::less<>> seen_;  // by version name; guarded by mutex_

  // The inbox.
  std::mutex inbox_mutex_;
  std::condition_variable_any inbox_filled_;
  bool inbox_any_ = false;                  // guarded by inbox_mutex_
  std::set<std::string> changed_names_;     // guarded by inbox_mutex_
  std::set<std::string> demanded_names_;    // guarded by inbox_mutex_
  std::set<std::string> changed_replicas_;  // guarded by inbox_mutex_
  std::vector<ProbeResult> probed_;         // guarded by inbox_mutex_
  bool environments_changed_ = false;       // guarded by inbox_mutex_

  std::unique_ptr<store::MetaStore::Watch> watch_;
  std::jthread thread_;
};

}  // namespace hodei::serving
