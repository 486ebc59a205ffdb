// Where requests to one version meet its nodes: a request is given the least busy node at once, or
// waits in a bounded queue until there is one. It moves no bytes and makes no node: the reconciler
// adds and drains nodes, the front asks for leases.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/serving/request_counts.h"
#include "sys/unique_fd.h"

namespace hodei::serving {

inline constexpr size_t kWaitingMax = 256;  // of one version; more are refused
inline constexpr int kNodeInFlightMax = 32;
inline constexpr std::chrono::seconds kRequestDeadline{60};
// A node with more at once than this is busy.
inline constexpr int kBusyInFlight = 4;

// A ready node as the front sees it.
struct Node {
  std::string id;
  uint64_t key = 0;  // unique in this process: which connections lead to it
  UniqueFd socket;   // O_PATH
  // Guarded by the gate's mutex.
  int in_flight = 0;
  int failures_in_a_row = 0;
  bool draining = false;
};

class Gate;

// The right to one call to one node; given back by Finish() or by its end (then it counts as
// unanswered).
class Lease {
 public:
  Lease(std::shared_ptr<Gate> gate, std::shared_ptr<Node> node)
      : gate_(std::move(gate)), node_(std::move(node)) {}
  Lease(Lease&&) = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease();
  const Node& node() const { return *node_; }
  // `answered`: the node itself said something.
  void Finish(bool answered);

 private:
  std::shared_ptr<Gate> gate_;
  std::shared_ptr<Node> node_;
};

struct GateLoad {
  int in_flight = 0;
  int waiting = 0;
  Nanoseconds last_use{};                  // monotonic; when the last request came or ended
  std::optional<Nanoseconds> busy_since;   // more than kBusyInFlight per node
  std::optional<Nanoseconds> slack_since;  // one node less would do
};

// Thread-safe.
class Gate : public std::enable_shared_from_this<Gate> {
 public:
  using Ready = std::function<void(Result<Lease>)>;

  // `demand` is called without a lock held when the reconciler should look: a request waits, a node
  // was drained or fails.
  Gate(const Clock* clock, std::function<void()> demand)
      : clock_(clock), demand_(std::move(demand)), last_use_(clock->Monotonic()) {}

  // `ready` is called exactly once: at once, or later from any thread. RESOURCE_EXHAUSTED when too
  // many wait, the gate's own status when it is closed, DEADLINE_EXCEEDED after kRequestDeadline.
  void Acquire(Ready ready);
  // Refuses what waits; with `closed` new requests too, for ever.
  void Refuse(const Status& status, bool closed);
  void AddNode(std::shared_ptr<Node> node);
  void Drain(const std::string& id);
  void RemoveNode(const std::string& id);
  // The node; null when it is not here.
  std::shared_ptr<const Node> Find(const std::string& id) const;
  struct NodeLoad {
    int in_flight = 0;
    int failures_in_a_row = 0;
  };
  NodeLoad LoadOf(const std::string& id) const;
  GateLoad Load() const;
  // Refuses requests that have waited too long.
  void Expire();
  void Count(int http_status, Nanoseconds latency);
  RequestCounts Counts() const;

 private:
  friend class Lease;
  struct Waiter {
    Nanoseconds until;
    Ready ready;
  };
  void Release(const std::shared_ptr<Node>& node, bool answered);
  std::shared_ptr<Node> Choose();                // with mutex_ held; null: none is free
  void Watch();                                  // with mutex_ held: busy and slack
  std::vector<std::pair<Ready, Lease>> Match();  // with mutex_ held: waiters that can go now

  const Clock* const clock_;
  const std::function<void()> demand_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<Node>> nodes_;
  std::deque<Waiter> waiting_;
  std::optional<Status> closed_;
  int in_flight_ = 0;
  Nanoseconds last_use_;
  std::optional<Nanoseconds> busy_since_;
  std::optional<Nanoseconds> slack_since_;
  RequestCounts counts_;
};

}  // namespace hodei::serving
