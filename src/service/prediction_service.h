// Online prediction, as far as it is no bytes: who may ask which version, and what is written down
// about an answered request. Thread-safe; cached point reads, so it may run on an I/O thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/authorizer.h"
#include "domain/access/record_cache.h"
#include "domain/serving/gate.h"
#include "domain/serving/serving_reconciler.h"
#include "hodei/models/record.pb.h"
#include "hodei/v1/serving_insight.pb.h"
#include "service/call_context.h"
#include "store/log/log_store.h"

namespace hodei::service {

// Of a logged request's body and of its answer.
inline constexpr size_t kLoggedBodyMaxBytes = 32 << 10;

class PredictionService {
 public:
  // Not owned; all outlive the service.
  struct Dependencies {
    store::MetaStore* store = nullptr;
    store::LogStore* logs = nullptr;
    const access::Authorizer* authorizer = nullptr;
    models::Registry* registry = nullptr;
    serving::ServingReconciler* reconciler = nullptr;
    const Clock* clock = nullptr;
  };
  explicit PredictionService(const Dependencies& dependencies)
      : deps_(dependencies),
        models_(dependencies.store, models::kModelKind),
        versions_(dependencies.store, models::kVersionKind) {}

  // Which version answers, and where its nodes are.
  struct Target {
    std::shared_ptr<const models::ModelRecord> model;
    std::shared_ptr<const models::VersionRecord> version;
    std::shared_ptr<serving::Gate> gate;
  };
  // `name`: "projects/P/models/M" (its default version) or "…/versions/V"; P an id or a number.
  // PERMISSION_DENIED, NOT_FOUND, FAILED_PRECONDITION for a version that failed, UNAVAILABLE for
  // one that is not READY yet.
  Result<Target> Find(const access::Principal& principal, std::string_view name) const;

  struct Answered {
    int http_status = 0;
    Nanoseconds latency{};
    size_t request_bytes = 0;
    std::string_view request;  // may be empty when Target asks for no bodies
    std::string_view response;
    std::string_view principal;
  };
  // Counts it, and logs what model and version ask to be logged.
  void Record(const Target& target, const Answered& answered) const;

  Result<hodei::v1::VersionServing> GetVersionServing(
      const CallContext& context, const hodei::v1::GetVersionServingRequest& request) const;
  // Of every version the caller may see, as Prometheus reads it.
  std::string Metrics(const access::Principal& principal) const;

 private:
  const Dependencies deps_;
  access::RecordCache<models::ModelRecord> models_;
  access::RecordCache<models::VersionRecord> versions_;
};

}  // namespace hodei::service
