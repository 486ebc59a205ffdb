#include "domain/serving/plan_serving.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/models/serving_machine.h"
#include "domain/models/validation.h"

namespace hodei::serving {
namespace {

using google::cloud::ml::v1::Version;

constexpr std::chrono::seconds kStopCheckInterval{5};
constexpr std::chrono::seconds kRoomCheckInterval{2};

class Planner {
 public:
  explicit Planner(const ServingSnapshot& seen) : seen_(seen) {}

  ServingPlan Run() {
    for (const NodeObservation& node : seen_.nodes) {
      if (node.phase == NodePhase::kEnded) plan_.remove.push_back(node.id);
    }
    switch (seen_.state) {
      case Version::CREATING:
        Create();
        break;
      case Version::READY:
      case Version::UPDATING:
        Serve();
        break;
      case Version::DELETING:
        TakeDown();
        if (Live() == 0 && plan_.remove.empty()) plan_.deleted = true;
        Say("It is being deleted.");
        break;
      default:
        TakeDown();
        Say("It could not be created; see its errorMessage.");
    }
    return std::move(plan_);
  }

 private:
  void Say(std::string reason) {
    if (plan_.reason.empty()) plan_.reason = std::move(reason);
  }
  void LookAgain(Nanoseconds after) {
    after = std::max<Nanoseconds>(after, std::chrono::milliseconds(1));
    if (!plan_.look_again || *plan_.look_again > after) plan_.look_again = after;
  }
  int Count(NodePhase phase) const {
    return static_cast<int>(
        std::count_if(seen_.nodes.begin(), seen_.nodes.end(),
                      [&](const NodeObservation& node) { return node.phase == phase; }));
  }
  int Live() const { return static_cast<int>(seen_.nodes.size()) - Count(NodePhase::kEnded); }

  void Stop(const NodeObservation& node) {
    plan_.stop.push_back(node.id);
    LookAgain(kStopCheckInterval);
  }

  // Stops draining nodes as soon as they have answered what they took.
  void StopDrained() {
    for (const NodeObservation& node : seen_.nodes) {
      if (node.phase != NodePhase::kDraining) continue;
      if (node.in_flight == 0 || node.age >= kDrainLimit) {
        Stop(node);
      } else {
        LookAgain(kDrainLimit - node.age);
      }
    }
  }

  // No request is taken any more.
  void TakeDown() {
    for (const NodeObservation& node : seen_.nodes) {
      if (node.phase == NodePhase::kStarting) Stop(node);
      if (node.phase == NodePhase::kReady) plan_.drain.push_back(node.id);
    }
    StopDrained();
    plan_.refuse_waiting = NotFound("the version is not served any more");
  }

  void Create() {
    if (seen_.cancel_requested) {
      plan_.created = Cancelled("Create Version was cancelled.");
      return;
    }
    if (seen_.preparation.phase == PreparationState::kFailed) {
      plan_.created =
          InvalidArgument(fmt::format("Create Version failed. {}", seen_.preparation.error));
      return;
    }
    if (seen_.preparation.phase == PreparationState::kPending) {
      plan_.prepare = true;
      return Say("Waits for its files and its Python environment.");
    }
    for (const NodeObservation& node : seen_.nodes) {
      if (node.phase == NodePhase::kReady) {
        plan_.created = OkStatus();
        return;
      }
      if (node.phase == NodePhase::kEnded && JudgeFailedLoad(node)) return;
      if (node.phase == NodePhase::kStarting) {
        if (node.age >= kLoadDeadline) {
          plan_.created = DeadlineExceeded(
              fmt::format("Create Version failed. The model was not loaded within {} minutes.",
                          kLoadDeadline.count()));
          return;
        }
        LookAgain(kLoadDeadline - node.age);
      }
    }
    Say("Its model is being loaded.");
    if (Count(NodePhase::kStarting) == 0) Start(1);
  }

  // True when the creation ends with it.
  bool JudgeFailedLoad(const NodeObservation& node) {
    if (!node.load_error.empty()) {
      plan_.created = InvalidArgument(fmt::format(
          "Create Version failed. Bad model detected with error: \"{}\"", node.load_error));
      return true;
    }
    if (!node.lost || seen_.failed_loads >= kLoadTriesMax) {
      plan_.created = InvalidArgument(
          fmt::format("Create Version failed. Bad model detected with error: \"Failed to load "
                      "model: the serving program {} (Error code: 0)\"",
                      node.end_text));
      return true;
    }
    return false;
  }

  void Start(int wanted) {
    if (wanted <= 0) return;
    if (seen_.preparation.phase == PreparationState::kFailed) {
      plan_.refuse_waiting = Unavailable(seen_.preparation.error);
      plan_.reason = seen_.preparation.error;
      plan_.prepare = true;  // what failed once may work now
      return LookAgain(std::chrono::minutes(1));
    }
    if (seen_.preparation.phase == PreparationState::kPending) {
      plan_.prepare = true;
      plan_.reason = "Waits for its files and its Python environment.";
      return;
    }
    if (seen_.backoff > Nanoseconds(0)) {
      plan_.reason = "Its serving program ended unexpectedly; it is started again in a moment.";
      LookAgain(seen_.backoff);
      if (Count(NodePhase::kReady) + Count(NodePhase::kStarting) == 0) {
        plan_.refuse_waiting = Unavailable("the version's serving program ended unexpectedly");
      }
      return;
    }
    if (seen_.room <= 0) {
      plan_.reason = "Waits until the host has memory for another node.";
      return LookAgain(kRoomCheckInterval);
    }
    plan_.start = std::min(wanted, seen_.room);
  }

  void Serve() {
    StopBroken();
    StopDrained();
    const int ready = Count(NodePhase::kReady) - static_cast<int>(broken_);
    const int serving = ready + Count(NodePhase::kStarting);
    const int wanted = Wanted(serving);
    Say(serving > 0   ? "It is served."
        : wanted == 0 ? "No node runs; the next request starts one."
                      : "Its first node is being started.");
    if (wanted > serving) {
      Start(wanted - serving);
    } else if (wanted < serving) {
      Shrink(serving - wanted);
    }
  }

  void StopBroken() {
    for (const NodeObservation& node : seen_.nodes) {
      if (node.phase == NodePhase::kReady && node.failures_in_a_row >= kFailuresInARowMax) {
        plan_.drain.push_back(node.id);
        Stop(node);
        ++broken_;
      }
      if (node.phase == NodePhase::kStarting && node.age >= kLoadDeadline) Stop(node);
      if (node.phase == NodePhase::kStarting && node.age < kLoadDeadline) {
        LookAgain(kLoadDeadline - node.age);
      }
    }
  }

  int Wanted(int serving) {
    int wanted = serving;
    if (seen_.waiting > 0 && serving == 0) wanted = 1;
    const bool starting = Count(NodePhase::kStarting) > 0;
    if (serving > 0 && !starting && seen_.busy >= kScaleUpAfter) wanted = serving + 1;
    if (seen_.busy > Nanoseconds(0) && seen_.busy < kScaleUpAfter) {
      LookAgain(kScaleUpAfter - seen_.busy);
    }
    if (serving > 1 && seen_.slack >= kScaleDownAfter) wanted = serving - 1;
    if (serving > 1 && seen_.slack > Nanoseconds(0) && seen_.slack < kScaleDownAfter) {
      LookAgain(kScaleDownAfter - seen_.slack);
    }
    if (serving > 0 && seen_.nodes_min == 0) {
      // Nobody tells when the last request is answered: it is asked again.
      const bool used = seen_.in_flight > 0 || seen_.waiting > 0;
      const Nanoseconds idle = used ? Nanoseconds(0) : seen_.idle;
      if (idle >= seen_.idle_limit) {
        wanted = 0;
      } else {
        LookAgain(seen_.idle_limit - idle);
      }
    }
    return std::clamp(wanted, seen_.nodes_min, std::max(seen_.nodes_max, seen_.nodes_min));
  }

  // The nodes with the least to do go first; what is still starting before all.
  void Shrink(int surplus) {
    std::vector<const NodeObservation*> nodes;
    for (const NodeObservation& node : seen_.nodes) {
      if (node.phase == NodePhase::kStarting || node.phase == NodePhase::kReady) {
        nodes.push_back(&node);
      }
    }
    std::stable_sort(nodes.begin(), nodes.end(),
                     [](const NodeObservation* a, const NodeObservation* b) {
                       return std::pair(a->phase, a->in_flight) < std::pair(b->phase, b->in_flight);
                     });
    for (int i = 0; i < surplus && i < static_cast<int>(nodes.size()); ++i) {
      if (nodes[i]->phase == NodePhase::kStarting) {
        Stop(*nodes[i]);
      } else {
        plan_.drain.push_back(nodes[i]->id);
        LookAgain(Nanoseconds(0));
      }
    }
  }

  const ServingSnapshot& seen_;
  ServingPlan plan_;
  int broken_ = 0;
};

}  // namespace

ServingPlan PlanServing(const ServingSnapshot& snapshot) { return Planner(snapshot).Run(); }

NodeLimits NodeLimitsOf(const Version& version) {
  if (version.has_manual_scaling()) {
    const int nodes = std::clamp(version.manual_scaling().nodes(), 1, models::kNodesMax);
    return {nodes, nodes};
  }
  const auto machine = models::FindServingMachine(version.machine_type());
  NodeLimits limits{machine && machine->compute_engine ? 1 : 0, models::kDefaultMaxNodes};
  const auto& scaling = version.auto_scaling();
  if (scaling.has_min_nodes()) limits.min = std::max(scaling.min_nodes(), limits.min);
  if (scaling.max_nodes() > 0) limits.max = scaling.max_nodes();
  limits.max = std::max(limits.max, std::max(limits.min, 1));
  return limits;
}

std::chrono::seconds CrashBackoff(int crashes) {
  if (crashes <= 0) return std::chrono::seconds(0);
  return std::chrono::seconds(std::min(1LL << std::min(crashes - 1, 6), 60LL));
}

}  // namespace hodei::serving
