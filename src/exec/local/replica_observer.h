// What became of a replica, from its records and from whether its supervisor lives.
#pragma once

#include <functional>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "exec/executor.h"
#include "exec/local/replica_folders.h"
#include "sys/unique_fd.h"

namespace hodei::exec {

inline bool HasEnded(ReplicaPhase phase) {
  return phase == ReplicaPhase::kExited || phase == ReplicaPhase::kLost;
}

// Thread-safe.
class ReplicaObserver {
 public:
  // `living` gets the pidfd of a supervisor that was seen alive. `folders` and `clock` outlive it.
  ReplicaObserver(const ReplicaFolders& folders, const Clock& clock,
                  std::function<void(const std::string& id, UniqueFd pidfd)> living);

  // Records a loss the first time that it sees one: kills what is left, then says so for ever.
  Result<ReplicaStatus> Observe(const std::string& id);

 private:
  // The supervisor is gone. Either it finished a moment ago, or its replica is lost. `state`: null
  // when its record is damaged.
  Result<ReplicaStatus> RecordLoss(const std::string& id, const ReplicaState* state);
  // Ends what the dead supervisor left and adds what it used to `record`.
  Status EndRemains(const std::string& id, ExitRecord* record) const;

  const ReplicaFolders& folders_;
  const Clock& clock_;
  const std::string boot_id_;
  std::function<void(const std::string& id, UniqueFd pidfd)> living_;
  std::mutex loss_mutex_;  // one loss is recorded once
};

}  // namespace hodei::exec
