// What keeps and serves models: the registry and its services, wired.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "domain/access/authorizer.h"
#include "hodei/config.pb.h"
#include "server/training.h"
#include "store/log/log_store.h"
#include "store/meta/meta_store.h"
#include "store/object/object_store.h"
#include "wire/paging/page_token.h"

namespace hodei::service {
class ModelService;
class VersionService;
class OperationService;
class PredictionService;
}  // namespace hodei::service

namespace hodei::server {

class Serving {
 public:
  // None is owned.
  struct Parts {
    std::string data_dir;
    Config config;
    store::MetaStore* meta = nullptr;
    store::ObjectStore* objects = nullptr;
    store::LogStore* logs = nullptr;
    Training* training = nullptr;
    const access::Authorizer* authorizer = nullptr;
    const wire::PageTokens* page_tokens = nullptr;
    const Clock* clock = nullptr;
  };
  static Result<std::unique_ptr<Serving>> Open(const Parts& parts);
  virtual ~Serving() = default;

  virtual service::ModelService* models() = 0;
  virtual service::VersionService* versions() = 0;
  virtual service::OperationService* operations() = 0;
  virtual service::PredictionService* predictions() = 0;
  // The first look takes up the nodes that run already.
  virtual void StartReconciling() = 0;
  virtual void StopReconciling() = 0;
  // Requests that wait are refused, and all that come: before the HTTP server stops.
  virtual void EndRequests() = 0;
};

}  // namespace hodei::server
