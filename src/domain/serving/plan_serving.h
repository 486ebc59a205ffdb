// What one version's serving does next. A pure function of what is wanted and what was observed:
// no clock, no I/O. Every effect may be repeated, so that a crash between plan and effect, or a
// restart of the server, takes the same path from the same readings.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "google/cloud/ml/v1/version.pb.h"

namespace hodei::serving {

// A node that is not ready after this long is given up.
inline constexpr std::chrono::minutes kLoadDeadline{10};
// Load that lasts this long adds a node; so much slack takes one away.
inline constexpr std::chrono::seconds kScaleUpAfter{2};
inline constexpr std::chrono::seconds kScaleDownAfter{60};
// Requests that a draining node may still answer before it is stopped all the same.
inline constexpr std::chrono::seconds kDrainLimit{70};
// Loads that end without a word of the loader, before a creation fails.
inline constexpr int kLoadTriesMax = 3;
// Calls in a row that a node did not answer, before it is stopped as broken.
inline constexpr int kFailuresInARowMax = 3;

enum class NodePhase {
  kStarting,  // started, or about to be; not ready yet
  kReady,     // takes requests
  kDraining,  // takes no new ones
  kEnded,     // its program does not run any more
};

struct NodeObservation {
  std::string id;
  NodePhase phase = NodePhase::kStarting;
  int in_flight = 0;
  Nanoseconds age{};          // in this phase
  int failures_in_a_row = 0;  // calls it did not answer
  bool stop_asked = false;    // we asked it to end
  std::string load_error;     // kEnded: the loader's words
  std::string end_text;       // kEnded: how it ended, a sentence
  bool lost = false;          // kEnded: not its own doing
};

// Files and environment of the version.
struct PreparationState {
  enum Phase { kPending, kReady, kFailed } phase = kPending;
  std::string error;  // kFailed: for the user
};

struct ServingSnapshot {
  google::cloud::ml::v1::Version::State state{};
  bool cancel_requested = false;
  int nodes_min = 0;
  int nodes_max = 1;
  PreparationState preparation;
  std::vector<NodeObservation> nodes;
  int in_flight = 0;
  int waiting = 0;
  Nanoseconds idle{};   // since the last request ended, or the version became ready
  Nanoseconds busy{};   // load has been above the mark for so long; 0: it is not
  Nanoseconds slack{};  // below the mark of one node less
  Nanoseconds idle_limit{std::chrono::minutes(5)};
  // Until this has passed no node is started: after crashes.
  Nanoseconds backoff{};
  int failed_loads = 0;  // in a row, without a word of the loader
  int room = 0;          // nodes of this kind that fit on the host beside what runs
};

struct ServingPlan {
  bool prepare = false;             // stage files, ensure the environment
  int start = 0;                    // new nodes
  std::vector<std::string> drain;   // no new requests
  std::vector<std::string> stop;    // SIGTERM, after draining
  std::vector<std::string> remove;  // ended ones
  std::optional<Status> created;    // CREATING ends: OK is READY
  bool deleted = false;             // DELETING ends
  // Requests that wait have nothing to wait for.
  std::optional<Status> refuse_waiting;
  std::optional<Nanoseconds> look_again;
  std::string reason;  // for people
  bool operator==(const ServingPlan&) const = default;
};

ServingPlan PlanServing(const ServingSnapshot& snapshot);

// The limits that a version asks for.
struct NodeLimits {
  int min = 0;
  int max = 1;
};
NodeLimits NodeLimitsOf(const google::cloud::ml::v1::Version& version);

// Time before a node is started after `crashes` crashes in a row: 0, 1, 2, 4 … 60 seconds.
std::chrono::seconds CrashBackoff(int crashes);

}  // namespace hodei::serving
