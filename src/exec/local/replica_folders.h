// The folders of replicas and the records in them (exec/record), as the server reads them.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "exec/record/replica_records.h"

namespace hodei::exec {

// Thread-safe: it holds no state of its own.
class ReplicaFolders {
 public:
  explicit ReplicaFolders(std::string root) : root_(std::move(root)) {}

  // `id` must be a replica id.
  std::string PathOf(const std::string& id) const { return root_ + "/" + id; }
  std::string FileOf(const std::string& id, const char* name) const {
    return PathOf(id) + "/" + name;
  }
  Result<std::vector<std::string>> Ids() const;
  // The supervisor wrote a state or an exit: the replica counts as started for ever.
  bool WasStarted(const std::string& id) const;
  // A supervisor lives, whatever it has written.
  bool LockHeld(const std::string& id) const;
  Result<LaunchPlan> ReadPlan(const std::string& id) const;
  // Not synced: without a durable state the replica never ran, whatever the plan says.
  Status WritePlan(const LaunchPlan& plan) const;
  // The name leaves first, so that a crash in between leaves no half replica.
  Status Remove(const std::string& id) const;
  // What a removal left that a crash cut short.
  void RemoveLeftovers() const;

 private:
  std::string root_;
};

}  // namespace hodei::exec
