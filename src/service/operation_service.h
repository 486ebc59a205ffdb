// Operations on models and versions: get, list, cancel. Thread-safe.
#pragma once

#include "base/status.h"
#include "domain/models/registry.h"
#include "google/longrunning/operation.pb.h"
#include "google/protobuf/empty.pb.h"
#include "service/call_context.h"
#include "wire/paging/page_token.h"

namespace hodei::service {

class OperationService {
 public:
  // Neither is owned; both outlive this.
  OperationService(models::Registry* registry, const wire::PageTokens* page_tokens)
      : registry_(registry), page_tokens_(page_tokens) {}

  Result<google::longrunning::Operation> GetOperation(
      const CallContext& context, const google::longrunning::GetOperationRequest& request);
  // Newest first. The filter knows "done", "metadata.operationType" and "name".
  Result<google::longrunning::ListOperationsResponse> ListOperations(
      const CallContext& context, const google::longrunning::ListOperationsRequest& request);
  // OK without effect for one that is done. What cannot be stopped ends as it would have.
  Result<google::protobuf::Empty> CancelOperation(
      const CallContext& context, const google::longrunning::CancelOperationRequest& request);

 private:
  models::Registry* const registry_;
  const wire::PageTokens* const page_tokens_;
};

}  // namespace hodei::service
