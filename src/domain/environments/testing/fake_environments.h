// Environments that are ready, building or broken when the test says so; nothing is built. For
// tests of what uses environments.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "domain/environments/environments.h"

namespace hodei::environments {

class FakeEnvironments : public Environments {
 public:
  // Any pair resolves, except those made to fail here.
  void FailResolve(std::string runtime_version, Status status);
  // A warning that every RuntimeChoice of `runtime_version` carries.
  void WarnOn(std::string runtime_version, std::string warning);
  // What Ensure() answers from now on (default: kReady without mounts); calls OnChange's function.
  void SetState(State state);
  // What Ensure() answers for one build id; wins over SetState.
  void SetState(const std::string& build_id, State state);
  // Ensure() fails with `status`; OK ends it.
  void SetError(Status status);
  // Called in Ensure() before it answers, without a lock held.
  void SetEnsureHook(std::function<void(const Request& request)> hook);
  std::vector<Request> requests() const;
  std::vector<std::string> released() const;

  Result<RuntimeChoice> Resolve(std::string_view runtime_version,
                                std::string_view python_version) const override;
  Result<State> Ensure(const Request& request) override;
  void Release(const std::string& build_id) override;
  // {"python", "-m", module, args…, "--job-dir", job_dir} with a python that exists on the machine.
  std::vector<std::string> LaunchArgv(const RuntimeChoice& runtime, std::string_view module,
                                      const std::vector<std::string>& args,
                                      std::string_view job_dir) const override;
  void OnChange(std::function<void()> changed) override;
  void ReplicaChanged(const std::string& replica_id) override;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, Status> resolve_failures_;
  std::map<std::string, std::vector<std::string>> warnings_;
  State state_{.phase = State::kReady};
  std::map<std::string, State> states_;
  Status error_;
  std::vector<Request> requests_;
  std::vector<std::string> released_;
  std::function<void(const Request&)> ensure_hook_;
  std::function<void()> changed_;
};

}  // namespace hodei::environments
