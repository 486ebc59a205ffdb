// Builds layers in the sandbox: at most one build of a key at a time, whoever asks; survives
// restarts of the server, because disk and executor together tell what was going on.
//
// States of a key: absent → building → published, or building → failed (for those who waited).
// A failure belongs to the requests that waited for it: another request builds anew.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/environments/layer_store.h"
#include "exec/executor.h"

namespace hodei::environments {

// Everything that one build needs; made anew by the caller for each call, used by the first.
struct BuildSpec {
  std::string key;
  std::string title;  // "layer 'tensorflow' of runtime 2.21", for people
  std::vector<std::string> argv;
  std::map<std::string, std::string> env;
  std::string spec_json;                           // becomes in/spec.json
  std::map<std::string, std::string> input_files;  // name in in/ → host file, copied
  std::string prefix;               // where the tree is mounted writable; may be empty
  std::vector<exec::Mount> mounts;  // further ones
  exec::Resources resources;
  exec::Egress egress = exec::Egress::kNone;
  std::chrono::seconds deadline{900};
  LayerStore::Size tree_limit{.bytes = 8LL << 30, .entries = 500'000};
  std::string log_dir;  // empty: in the build's folder
};

struct BuildState {
  enum Phase { kBuilding, kReady, kFailed } phase = kBuilding;
  std::chrono::seconds elapsed{0};  // kBuilding
  std::string error;                // kFailed: sentences for the user
};

inline constexpr int64_t kFreeBytesMin = 512LL << 20;  // builds stop before the disk is full
inline constexpr size_t kBuildsMax = 16;               // at the same time; further ones wait
inline constexpr size_t kFailuresKept = 1000;
inline constexpr int kLogTailLines = 20;
// After a restart those who wait ask again within moments; what nobody asks for by then, nobody
// will.
inline constexpr std::chrono::minutes kUnclaimedPatience{5};
// The replica's own limit comes after ours, for the case that no server is there to see to ours.
inline constexpr std::chrono::seconds kDeadlineSlack{60};

// Thread-safe; Poll() from one thread only.
class LayerBuilder {
 public:
  LayerBuilder(LayerStore* store, exec::Executor* executor, const Clock* clock);

  // Takes over builds that an earlier life of the server started. Once, before the others.
  Status Recover();

  // Starts the build of `spec` unless it is published, in progress, or has failed for `waiter`.
  Result<BuildState> Ensure(const BuildSpec& spec, const std::string& waiter);

  // `waiter` waits no longer: builds that only it waited for are to end. True when there are any;
  // the next Poll() stops them.
  bool Release(const std::string& waiter);

  // Looks at every build in progress: publishes, fails, stops what is over its limits. May take
  // seconds (it syncs a file system). True when an Ensure() may answer otherwise than before.
  bool Poll();
  bool idle() const;

 private:
  struct Build {
    BuildFolder folder;
    std::string title;
    std::string log_dir;
    std::chrono::seconds deadline;
    LayerStore::Size tree_limit;
    Nanoseconds started;      // monotonic
    std::string stop_reason;  // why we stopped it; empty otherwise
    std::set<std::string> waiters;
    // Nobody waits: it is being stopped, no failure of anybody's, and forgotten at its end.
    bool abandoned = false;
  };

  Status RemoveStrays();
  Status StartBuild(const BuildSpec& spec, const std::string& waiter);
  Status PlaceInputs(const BuildSpec& spec, const BuildFolder& folder) const;
  static std::string LogDirFor(const BuildSpec& spec, const BuildFolder& folder);
  exec::ReplicaSpec ToReplica(const BuildSpec& spec, const BuildFolder& folder,
                              const std::string& log_dir) const;
  // Each returns whether the build is over.
  bool PollBuild(const std::string& key, Build build);
  void StopIfOverLimits(const std::string& key, const Build& build);
  bool IsAbandoned(const std::string& key, const Build& build);
  void Forget(const std::string& key, const Build& build);
  void Finish(const std::string& key, const Build& build, const exec::ReplicaStatus& status);
  std::string FailureText(const Build& build, const exec::ReplicaStatus& status) const;
  void RecordFailure(const std::string& key, const std::string& error);

  LayerStore* const store_;
  exec::Executor* const executor_;
  const Clock* const clock_;

  mutable std::mutex mutex_;
  std::map<std::string, Build> builds_;  // by key
  struct Failure {
    std::string error;
    std::set<std::string> waiters;
    uint64_t order = 0;
  };
  std::map<std::string, Failure> failures_;  // by key
  uint64_t failures_recorded_ = 0;
};

}  // namespace hodei::environments
