// What runs training jobs: executor, environments, the job reconciler and its service, wired.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/authorizer.h"
#include "domain/environments/environments.h"
#include "domain/jobs/job_sockets.h"
#include "exec/executor.h"
#include "hodei/config.pb.h"
#include "store/log/log_store.h"
#include "store/meta/meta_store.h"
#include "store/object/object_store.h"
#include "wire/paging/page_token.h"

namespace hodei::jobs {
class JobReconciler;
}
namespace hodei::service {
class JobService;
}

namespace hodei::server {

class Training {
 public:
  struct Parts {
    std::string data_dir;
    Config config;
    store::MetaStore* meta = nullptr;
    store::ObjectStore* objects = nullptr;
    store::LogStore* logs = nullptr;
    jobs::JobSockets* sockets = nullptr;
    std::string job_trust_dir;  // see ReplicaSettings::trust_dir
    const access::Authorizer* authorizer = nullptr;
    const wire::PageTokens* page_tokens = nullptr;
    const Clock* clock = nullptr;
  };
  // FAILED_PRECONDITION when this machine cannot isolate jobs and nobody allowed that.
  static Result<std::unique_ptr<Training>> Open(const Parts& parts);
  virtual ~Training() = default;

  virtual service::JobService* jobs() = 0;
  // What serving shares with jobs.
  virtual exec::Executor* executor() = 0;
  virtual environments::Environments* environments() = 0;
  virtual jobs::JobReconciler* reconciler() = 0;
  // Who else is told of changes of replicas and environments; set once, before they can come.
  struct Listener {
    std::function<void(const std::string& id)> replica_changed;
    std::function<void()> environments_changed;
  };
  virtual void Listen(Listener listener) = 0;
  // Sentences for the terminal: the sandbox's tier and what is missing for a better one.
  virtual std::vector<std::string> notices() const = 0;
  // The first look takes up what runs already.
  virtual void StartReconciling() = 0;
  virtual void StopReconciling() = 0;
};

}  // namespace hodei::server
