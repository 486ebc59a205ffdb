#include "service/operation_service.h"

#include <fmt/format.h>

#include <string>

#include "domain/models/list_filter.h"
#include "domain/models/model_name.h"
#include "google/cloud/ml/v1/operation.pb.h"

namespace hodei::service {
namespace {

using google::cloud::ml::v1::OperationMetadata;
using google::longrunning::ListOperationsResponse;
using google::longrunning::Operation;

constexpr size_t kOperationsScannedMax = 10'000;

std::optional<std::string> ValueOf(const Operation& operation, std::string_view field) {
  if (field == "name") return std::string(models::LastPart(operation.name()));
  if (field == "done") return operation.done() ? "true" : "false";
  OperationMetadata metadata;
  operation.metadata().UnpackTo(&metadata);
  return OperationMetadata::OperationType_Name(metadata.operation_type());
}

}  // namespace

Result<Operation> OperationService::GetOperation(
    const CallContext&, const google::longrunning::GetOperationRequest& request) {
  return registry_->GetOperation(request.name());
}

Result<ListOperationsResponse> OperationService::ListOperations(
    const CallContext&, const google::longrunning::ListOperationsRequest& request) {
  ASSIGN_OR_RETURN(
      const models::ListFilter filter,
      models::ListFilter::Parse(
          request.filter(), {"name", "done", "metadata.operationType", "metadata.operation_type"}));
  ASSIGN_OR_RETURN(const int wanted, wire::PageSize(request.page_size()));
  const std::string query =
      fmt::format("operations.list\n{}\n{}", request.name(), request.filter());
  ASSIGN_OR_RETURN(std::string after, page_tokens_->Open(query, request.page_token()));
  const std::string project(models::LastPart(request.name()));
  ListOperationsResponse response;
  size_t scanned = 0;
  while (true) {
    const auto missing = static_cast<size_t>(wanted - response.operations_size());
    ASSIGN_OR_RETURN(const models::Page<Operation> page,
                     registry_->ListOperations(project, missing, after));
    scanned += page.items.size();
    for (const Operation& operation : page.items) {
      const auto value_of = [&](std::string_view field) { return ValueOf(operation, field); };
      if (filter.Matches(value_of)) *response.add_operations() = operation;
    }
    after = page.next;
    if (after.empty() || response.operations_size() >= wanted || scanned >= kOperationsScannedMax) {
      break;
    }
  }
  if (!after.empty()) response.set_next_page_token(page_tokens_->Seal(query, after));
  return response;
}

Result<google::protobuf::Empty> OperationService::CancelOperation(
    const CallContext&, const google::longrunning::CancelOperationRequest& request) {
  RETURN_IF_ERROR(registry_->CancelOperation(request.name()));
  return google::protobuf::Empty();
}

}  // namespace hodei::service
