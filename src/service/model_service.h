// Models: create, get, list, patch, delete. The transcoder has checked the caller's permission in
// the project that the path names, and put the project's id there. Thread-safe.
#pragma once

#include "base/status.h"
#include "domain/models/registry.h"
#include "google/cloud/ml/v1/model.pb.h"
#include "service/call_context.h"
#include "store/meta/meta_store.h"
#include "wire/paging/page_token.h"

namespace hodei::service {

// Records that one list call reads at most; a filter that matches few gives short pages.
inline constexpr size_t kModelsScannedMax = 10'000;

class ModelService {
 public:
  // None is owned; all outlive this.
  ModelService(store::MetaStore* store, models::Registry* registry,
               const wire::PageTokens* page_tokens)
      : store_(store), registry_(registry), page_tokens_(page_tokens) {}

  Result<google::cloud::ml::v1::Model> CreateModel(
      const CallContext& context, const google::cloud::ml::v1::CreateModelRequest& request);
  // By name.
  Result<google::cloud::ml::v1::ListModelsResponse> ListModels(
      const CallContext& context, const google::cloud::ml::v1::ListModelsRequest& request);
  Result<google::cloud::ml::v1::Model> GetModel(
      const CallContext& context, const google::cloud::ml::v1::GetModelRequest& request);
  Result<google::longrunning::Operation> UpdateModel(
      const CallContext& context, const google::cloud::ml::v1::UpdateModelRequest& request);
  Result<google::longrunning::Operation> DeleteModel(
      const CallContext& context, const google::cloud::ml::v1::DeleteModelRequest& request);

 private:
  store::MetaStore* const store_;
  models::Registry* const registry_;
  const wire::PageTokens* const page_tokens_;
};

}  // namespace hodei::service
