// Environments that are really built: layers by pip in the sandbox, packages read by an inspector
// in the sandbox, all cached on disk. A background thread watches the builds.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "domain/environments/environment_plan.h"
#include "domain/environments/environments.h"
#include "domain/environments/layer_builder.h"
#include "domain/environments/layer_cache.h"
#include "domain/environments/layer_store.h"
#include "domain/environments/pip_settings.h"
#include "domain/environments/runtime_table.h"

namespace hodei::environments {

struct BuiltEnvironmentsOptions {
  std::string data_dir;   // of this server
  std::string cache_dir;  // runtimes.cache_dir; empty: DATA/environments
  std::string wheel_dir;  // runtimes.wheel_dir: offline, everything from this folder
  RuntimePolicy policy = RuntimePolicy::kNearest;  // runtimes.policy
  bool all_layers = false;                // runtimes.layers = all: no detection, always everything
  std::string runtimes_yaml;              // text of runtimes.file; empty: the table of this release
  PipSources pip;                         // the server's environment and home
  std::vector<Interpreter> interpreters;  // FindInterpreters() outside of tests
  LayerCacheLimits cache;                 // runtimes.cache_gib, runtimes.cache_days
  bool background = true;                 // false: the caller calls Poll(); for tests
};

class BuiltEnvironments : public Environments {
 public:
  // Writes the launcher below the cache and takes over builds of an earlier start. `executor` and
  // `clock` outlive the result. INVALID_ARGUMENT when the table of runtimes is wrong.
  static Result<std::unique_ptr<BuiltEnvironments>> Open(BuiltEnvironmentsOptions options,
                                                         exec::Executor* executor,
                                                         const Clock* clock);
  ~BuiltEnvironments() override;

  Result<RuntimeChoice> Resolve(std::string_view runtime_version,
                                std::string_view python_version) const override;
  Result<State> Ensure(const Request& request) override;
  void Release(const std::string& build_id) override;
  std::vector<std::string> LaunchArgv(const RuntimeChoice& runtime, std::string_view module,
                                      const std::vector<std::string>& args,
                                      std::string_view job_dir) const override;
  void OnChange(std::function<void()> changed) override;
  void ReplicaChanged(const std::string& replica_id) override;

  // One look at all builds in progress; only with options.background == false. True when one ended.
  bool Poll();

 private:
  BuiltEnvironments(BuiltEnvironmentsOptions options, RuntimeTable table, exec::Executor* executor,
                    const Clock* clock);
  Status Start();
  void Watch(std::stop_token stop);

  // The layers the job needs, or where finding that out stands.
  Result<State> Inspect(const Request& request, const RuntimeDefinition& runtime,
                        const Interpreter& interpreter, Inspection* inspection);
  BuildSpec InspectionSpec(const Request& request, const RuntimeDefinition& runtime,
                           const Interpreter& interpreter) const;
  BuildSpec LayerSpec(const EnvironmentPlan& plan, size_t index, const Request& request,
                      const RuntimeDefinition& runtime, const Interpreter& interpreter) const;
  BuildSpec CommonSpec(const Interpreter& interpreter, std::string_view program) const;
  // Builds what is missing, in order; kReady when nothing is.
  Result<State> EnsureLayers(const EnvironmentPlan& plan, const Request& request,
                             const RuntimeDefinition& runtime, const Interpreter& interpreter);
  State Ready(const EnvironmentPlan& plan, const RuntimeDefinition& runtime) const;

  const BuiltEnvironmentsOptions options_;
  const RuntimeTable table_;
  exec::Executor* const executor_;
  const Clock* const clock_;
  const std::string lib_dir_;
  LayerStore store_;
  LayerBuilder builder_;

  std::mutex mutex_;
  std::condition_variable_any wake_;
  bool woken_ = false;
  std::function<void()> changed_;
  std::jthread watcher_;  // last: joined before what it uses goes
};

}  // namespace hodei::environments
