#include "server/training.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

#include "domain/environments/built_environments.h"
#include "domain/environments/interpreter.h"
#include "domain/jobs/job_log.h"
#include "domain/jobs/machines.h"
#include "domain/jobs/reconciler.h"
#include "exec/local/local_executor.h"
#include "service/job_service.h"
#include "sys/file.h"

extern char** environ;

namespace hodei::server {
namespace {

constexpr int64_t kMebibyte = 1 << 20;
constexpr int32_t kParallelJobsMax = 1000;
// Starts wait for processes and disks more than they compute.
constexpr int kSideThreads = 4;

// The server's own environment: what pip's settings are read from.
environments::PipSources PipSourcesOfProcess() {
  environments::PipSources sources;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view item = *entry;
    const size_t equals = item.find('=');
    if (equals == std::string_view::npos) continue;
    sources.environment[std::string(item.substr(0, equals))] = item.substr(equals + 1);
  }
  if (const auto home = sources.environment.find("HOME"); home != sources.environment.end()) {
    sources.home = home->second;
  }
  return sources;
}

Result<environments::BuiltEnvironmentsOptions> EnvironmentOptions(const Training::Parts& parts) {
  const Runtimes& runtimes = parts.config.runtimes();
  environments::BuiltEnvironmentsOptions options;
  options.data_dir = parts.data_dir;
  options.cache_dir = runtimes.cache_dir();
  options.wheel_dir = runtimes.wheel_dir();
  options.policy = runtimes.policy() == Runtimes::EXACT ? environments::RuntimePolicy::kExact
                                                        : environments::RuntimePolicy::kNearest;
  options.all_layers = runtimes.layers() == Runtimes::ALL;
  if (runtimes.cache_gib() > 0) options.cache.bytes = runtimes.cache_gib() * (int64_t{1} << 30);
  if (runtimes.cache_days() > 0) options.cache.age = std::chrono::hours(24) * runtimes.cache_days();
  if (!runtimes.file().empty()) {
    ASSIGN_OR_RETURN_CTX(options.runtimes_yaml, ReadFile(runtimes.file()), "read runtimes.file");
  }
  options.pip = PipSourcesOfProcess();
  options.interpreters = environments::FindInterpreters();
  return options;
}

jobs::ReconcilerOptions ReconcilerOptionsOf(const Training::Parts& parts,
                                            const exec::Capabilities& capabilities) {
  const Config& config = parts.config;
  jobs::ReconcilerOptions options;
  options.jobs_dir = parts.data_dir + "/jobs";
  options.policy = config.capacity().policy() == Capacity::STRICT ? jobs::CapacityPolicy::kStrict
                                                                  : jobs::CapacityPolicy::kFit;
  options.cpu_millis = config.capacity().cpu_millis();
  options.memory_bytes = config.capacity().memory_mib() * kMebibyte;
  options.parallel_jobs = std::max(config.capacity().parallel_jobs(), 1);
  options.side_threads = kSideThreads;
  options.replica.egress = config.network().egress() == Network::NONE || !capabilities.internet
                               ? exec::Egress::kNone
                               : exec::Egress::kInternet;
  if (config.logs().bytes_limit() > 0)
    options.replica.log_bytes_limit = config.logs().bytes_limit();
  if (config.logs().bytes_per_second() > 0) {
    options.replica.log_bytes_per_second = config.logs().bytes_per_second();
  }
  options.replica.trust_dir = parts.job_trust_dir;
  options.replica.bucket_files = capabilities.bucket_files;
  options.replica.host_scratch_bytes = capabilities.scratch_bytes;
  return options;
}

class LocalTraining : public Training {
 public:
  Status Init(const Parts& parts);
  ~LocalTraining() override { StopReconciling(); }

  service::JobService* jobs() override { return service_.get(); }
  exec::Executor* executor() override { return executor_.get(); }
  environments::Environments* environments() override { return environments_.get(); }
  jobs::JobReconciler* reconciler() override { return reconciler_.get(); }
  void Listen(Listener listener) override {
    // Held by the callbacks: one that runs now goes on with the listener it began with.
    const auto held = std::make_shared<const Listener>(std::move(listener));
    executor_->OnChange([this, held](const std::string& id) {
      if (id.starts_with(environments::kBuildReplicaPrefix)) {
        environments_->ReplicaChanged(id);
      } else if (id.starts_with(jobs::kJobReplicaPrefix)) {
        reconciler_->ReplicaChanged(id);
      } else {
        held->replica_changed(id);
      }
    });
    environments_->OnChange([this, held] {
      reconciler_->EnvironmentsChanged();
      held->environments_changed();
    });
  }
  std::vector<std::string> notices() const override;
  void StartReconciling() override { reconciler_->Start(); }
  void StopReconciling() override {
    if (executor_) executor_->OnChange([](const std::string&) {});
    if (environments_) environments_->OnChange([] {});
    reconciler_.reset();
  }

 private:
  // In dependency order.
  std::unique_ptr<exec::Executor> executor_;
  std::unique_ptr<environments::BuiltEnvironments> environments_;
  std::unique_ptr<jobs::JobLog> log_;
  std::unique_ptr<jobs::JobReconciler> reconciler_;
  std::unique_ptr<service::JobService> service_;
};

Status LocalTraining::Init(const Parts& parts) {
  const int32_t parallel_jobs = parts.config.capacity().parallel_jobs();
  if (parallel_jobs < 0 || parallel_jobs > kParallelJobsMax) {
    return InvalidArgument(fmt::format("capacity.parallel_jobs is {}; it must be 1 to {}",
                                       parallel_jobs, kParallelJobsMax));
  }
  exec::LocalExecutorOptions executor_options;
  executor_options.dir = parts.data_dir + "/exec";
  executor_options.egress_allow.assign(parts.config.network().allow().begin(),
                                       parts.config.network().allow().end());
  ASSIGN_OR_RETURN_CTX(executor_, exec::OpenLocalExecutor(executor_options, *parts.clock),
                       "prepare to run jobs");
  ASSIGN_OR_RETURN(environments::BuiltEnvironmentsOptions environment_options,
                   EnvironmentOptions(parts));
  ASSIGN_OR_RETURN_CTX(environments_,
                       environments::BuiltEnvironments::Open(std::move(environment_options),
                                                             executor_.get(), parts.clock),
                       "prepare Python environments");
  log_ = jobs::MakeJobLog(parts.logs);
  const jobs::Machines& machines = jobs::Machines::Published();
  reconciler_ = std::make_unique<jobs::JobReconciler>(
      ReconcilerOptionsOf(parts, executor_->capabilities()),
      jobs::ReconcilerDependencies{.store = parts.meta,
                                   .objects = parts.objects,
                                   .executor = executor_.get(),
                                   .environments = environments_.get(),
                                   .log = log_.get(),
                                   .sockets = parts.sockets,
                                   .clock = parts.clock,
                                   .machines = &machines});
  Listen({[](const std::string&) {}, [] {}});
  service_ = std::make_unique<service::JobService>(
      service::JobServiceDependencies{.store = parts.meta,
                                      .objects = parts.objects,
                                      .authorizer = parts.authorizer,
                                      .environments = environments_.get(),
                                      .reconciler = reconciler_.get(),
                                      .machines = &machines,
                                      .page_tokens = parts.page_tokens,
                                      .clock = parts.clock});
  return OkStatus();
}

std::vector<std::string> LocalTraining::notices() const {
  const exec::Capabilities& capabilities = executor_->capabilities();
  std::vector<std::string> notices;
  notices.push_back(
      fmt::format("sandbox: tier {}, {}", capabilities.tier, capabilities.tier_summary));
  for (const std::string& warning : capabilities.warnings) notices.push_back("warning: " + warning);
  return notices;
}

}  // namespace

Result<std::unique_ptr<Training>> Training::Open(const Parts& parts) {
  auto training = std::make_unique<LocalTraining>();
  RETURN_IF_ERROR(training->Init(parts));
  return std::unique_ptr<Training>(std::move(training));
}

}  // namespace hodei::server
