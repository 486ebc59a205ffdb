#include "server/serving.h"

#include "domain/models/registry.h"
#include "service/model_service.h"
#include "service/operation_service.h"
#include "service/version_service.h"

namespace hodei::server {
namespace {

class LocalServing : public Serving {
 public:
  explicit LocalServing(const Parts& parts)
      : registry_(parts.meta, parts.clock),
        models_(parts.meta, &registry_, parts.page_tokens),
        versions_(&registry_, parts.objects, parts.authorizer, parts.training->environments(),
                  parts.page_tokens),
        operations_(&registry_, parts.page_tokens) {}

  service::ModelService* models() override { return &models_; }
  service::VersionService* versions() override { return &versions_; }
  service::OperationService* operations() override { return &operations_; }

 private:
  models::Registry registry_;
  service::ModelService models_;
  service::VersionService versions_;
  service::OperationService operations_;
};

}  // namespace

Result<std::unique_ptr<Serving>> Serving::Open(const Parts& parts) {
  return std::unique_ptr<Serving>(std::make_unique<LocalServing>(parts));
}

}  // namespace hodei::server
