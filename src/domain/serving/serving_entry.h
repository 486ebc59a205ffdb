// What the reconciler keeps in memory about one version. Everything here can be lost: the record
// and the executor tell it again.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "domain/serving/serving_reconciler.h"

namespace hodei::serving {

struct ServingReconciler::NodeEntry {
  std::string id;
  NodePhase phase = NodePhase::kStarting;
  Nanoseconds since{};  // when it entered the phase, monotonic
  bool stop_asked = false;
  std::unique_ptr<NodeProbe> probe;  // while it is starting
  std::shared_ptr<Node> node;        // from kReady on
  exec::ReplicaStatus end;           // kEnded
  std::string load_error;            // kEnded
  bool judged = false;               // its end was counted
};

struct ServingReconciler::Entry {
  std::string name;
  models::StoredVersion stored;
  std::shared_ptr<Gate> gate;
  std::map<std::string, NodeEntry> nodes;  // by id
  PreparationState preparation;
  std::string waiting_for;  // of the environment, while it is built
  environments::State environment;
  std::vector<environments::PackageFile> packages;  // with digests, once staged
  int build = 1;                                    // a failed build stays failed for its id
  int crashes = 0;                                  // in a row
  int64_t crashes_total = 0;
  int failed_loads = 0;
  Nanoseconds start_after{};  // no node before this, monotonic
  Nanoseconds next_look{};
  Nanoseconds last_use_noted{};
  std::string engine;
  std::string engine_reason;
  std::string trouble;  // the last error of ours

  const models::VersionRecord& record() const { return stored.record; }
  const google::cloud::ml::v1::Version& version() const { return stored.record.version(); }
};

}  // namespace hodei::serving
