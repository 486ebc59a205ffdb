// Models, as far as this release has them: they can be listed and looked up. Thread-safe.
#pragma once

#include "base/status.h"
#include "google/cloud/ml/v1/model.pb.h"
#include "service/call_context.h"
#include "store/meta/meta_store.h"
#include "wire/paging/page_token.h"

namespace hodei::service {

class ModelService {
 public:
  // Neither is owned; both outlive this.
  ModelService(store::MetaStore* store, const wire::PageTokens* page_tokens)
      : store_(store), page_tokens_(page_tokens) {}

  // By name.
  Result<google::cloud::ml::v1::ListModelsResponse> ListModels(
      const CallContext& context, const google::cloud::ml::v1::ListModelsRequest& request);
  Result<google::cloud::ml::v1::Model> GetModel(
      const CallContext& context, const google::cloud::ml::v1::GetModelRequest& request);

 private:
  store::MetaStore* const store_;
  const wire::PageTokens* const page_tokens_;
};

}  // namespace hodei::service
