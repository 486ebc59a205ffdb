#include "server/serving.h"

#include <unistd.h>

#include <map>
#include <mutex>

#include "domain/jobs/job_log.h"
#include "domain/jobs/reconciler.h"
#include "domain/models/registry.h"
#include "domain/prediction/batch_reconciler.h"
#include "domain/serving/serving_reconciler.h"
#include "service/model_service.h"
#include "service/operation_service.h"
#include "service/prediction_service.h"
#include "service/version_service.h"

namespace hodei::server {
namespace {

// The folder "serve" beside the running program.
std::string ProgramFolder() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, n > 0 ? static_cast<size_t>(n) : 0);
  return program.substr(0, program.rfind('/')) + "/serve";
}

// Memory of the host, which jobs and serving share.
class SharedHost : public serving::ServingHost {
 public:
  explicit SharedHost(Training* training) : training_(training) {}
  int64_t total_memory_bytes() const override {
    return training_->reconciler()->total().memory_bytes;
  }
  int64_t jobs_memory_bytes() const override {
    return training_->reconciler()->Used().memory_bytes;
  }
  int64_t held_memory_bytes() const override {
    const std::lock_guard lock(mutex_);
    return Sum();
  }
  void Hold(const std::string& holder, int64_t bytes) override {
    int64_t sum = 0;
    {
      const std::lock_guard lock(mutex_);
      held_[holder] = bytes;
      sum = Sum();
    }
    training_->reconciler()->SetServingMemory(sum);
  }

 private:
  int64_t Sum() const {
    int64_t sum = 0;
    for (const auto& [holder, bytes] : held_) sum += bytes;
    return sum;
  }

  Training* const training_;
  mutable std::mutex mutex_;
  std::map<std::string, int64_t> held_;  // guarded by mutex_
};

serving::ServingOptions OptionsOf(const Serving::Parts& parts) {
  const hodei::Serving& config = parts.config.serving();
  serving::ServingOptions options;
  options.dir = parts.data_dir + "/serving";
  options.node.program_dir = ProgramFolder();
  options.node.argv.assign(config.command().begin(), config.command().end());
  if (config.idle_seconds() > 0) options.idle_limit = std::chrono::seconds(config.idle_seconds());
  if (parts.training->executor() != nullptr) {
    const exec::Capabilities& host = parts.training->executor()->capabilities();
    options.node.host_cpu_millis = host.cpu_millis;
    options.node.host_memory_bytes = host.memory_bytes;
    options.node.host_scratch_bytes = host.scratch_bytes;
  }
  return options;
}

class LocalServing : public Serving {
 public:
  explicit LocalServing(const Parts& parts)
      : training_(parts.training),
        registry_(parts.meta, parts.clock),
        host_(parts.training),
        reconciler_(std::make_unique<serving::ServingReconciler>(
            OptionsOf(parts),
            serving::ServingDependencies{.store = parts.meta,
                                         .registry = &registry_,
                                         .objects = parts.objects,
                                         .executor = parts.training->executor(),
                                         .environments = parts.training->environments(),
                                         .logs = parts.logs,
                                         .host = &host_,
                                         .clock = parts.clock})),
        log_(jobs::MakeJobLog(parts.logs)),
        batches_(std::make_unique<prediction::BatchReconciler>(
            prediction::BatchOptions{.jobs_dir = parts.data_dir + "/jobs",
                                     .serving_dir = OptionsOf(parts).dir,
                                     .node = OptionsOf(parts).node},
            prediction::BatchDependencies{.store = parts.meta,
                                          .objects = parts.objects,
                                          .executor = parts.training->executor(),
                                          .environments = parts.training->environments(),
                                          .log = log_.get(),
                                          .host = &host_,
                                          .clock = parts.clock})),
        models_(parts.meta, &registry_, parts.page_tokens),
        versions_(&registry_, parts.objects, parts.authorizer, parts.training->environments(),
                  parts.page_tokens),
        operations_(&registry_, parts.page_tokens),
        predictions_({.store = parts.meta,
                      .logs = parts.logs,
                      .authorizer = parts.authorizer,
                      .registry = &registry_,
                      .reconciler = reconciler_.get(),
                      .clock = parts.clock}) {
    training_->Listen({[this](const std::string& id) { reconciler_->ReplicaChanged(id); },
                       [this] {
                         reconciler_->EnvironmentsChanged();
                         batches_->EnvironmentsChanged();
                       }});
  }
  ~LocalServing() override { StopReconciling(); }

  service::ModelService* models() override { return &models_; }
  service::VersionService* versions() override { return &versions_; }
  service::OperationService* operations() override { return &operations_; }
  service::PredictionService* predictions() override { return &predictions_; }
  void StartReconciling() override {
    reconciler_->Start();
    batches_->Start();
  }
  void StopReconciling() override {
    if (stopped_) return;
    stopped_ = true;
    training_->Listen({[](const std::string&) {}, [] {}});
    batches_.reset();
    reconciler_.reset();
  }
  void EndRequests() override {
    if (reconciler_) reconciler_->CloseGates();
  }

 private:
  // In dependency order.
  Training* const training_;
  models::Registry registry_;
  SharedHost host_;
  std::unique_ptr<serving::ServingReconciler> reconciler_;
  std::unique_ptr<jobs::JobLog> log_;
  std::unique_ptr<prediction::BatchReconciler> batches_;
  service::ModelService models_;
  service::VersionService versions_;
  service::OperationService operations_;
  service::PredictionService predictions_;
  bool stopped_ = false;
};

}  // namespace

Result<std::unique_ptr<Serving>> Serving::Open(const Parts& parts) {
  return std::unique_ptr<Serving>(std::make_unique<LocalServing>(parts));
}

}  // namespace hodei::server
