#include "service/model_service.h"

#include <fmt/format.h>

#include <string>

#include "domain/access/policy.h"
#include "domain/access/record_kinds.h"
#include "domain/models/list_filter.h"
#include "domain/models/model_name.h"
#include "domain/models/validation.h"

namespace hodei::service {
namespace {

using google::cloud::ml::v1::ListModelsRequest;
using google::cloud::ml::v1::ListModelsResponse;
using google::cloud::ml::v1::Model;
using google::longrunning::Operation;

std::optional<std::string> ValueOf(const models::ModelRecord& record, std::string_view field) {
  const Model& model = record.model();
  if (field == "name") return std::string(models::LastPart(model.name()));
  if (field == "description") return model.description();
  if (field == "defaultVersion.name" || field == "default_version.name") {
    return record.default_version();
  }
  constexpr std::string_view kLabels = "labels.";
  const auto label = model.labels().find(std::string(field.substr(kLabels.size())));
  if (label == model.labels().end()) return std::nullopt;
  return label->second;
}

}  // namespace

Result<Model> ModelService::CreateModel(const CallContext& context,
                                        const google::cloud::ml::v1::CreateModelRequest& request) {
  RETURN_IF_ERROR(models::ValidateModel(request.model()));
  const std::string name = request.parent() + "/models/" + request.model().name();
  ASSIGN_OR_RETURN(const models::ModelName parsed, models::ParseModelName(name));
  models::ModelRecord record;
  *record.mutable_model() = models::InputOf(request.model());
  record.mutable_model()->set_name(name);
  record.set_project(parsed.project);
  return registry_->CreateModel(
      std::move(record), {access::GrantAtCreation(name, "roles/ml.modelOwner", context.principal)});
}

Result<ListModelsResponse> ModelService::ListModels(const CallContext&,
                                                    const ListModelsRequest& request) {
  ASSIGN_OR_RETURN(
      const models::ListFilter filter,
      models::ListFilter::Parse(request.filter(), {"name", "description", "defaultVersion.name",
                                                   "default_version.name", "labels"}));
  ASSIGN_OR_RETURN(const models::ModelName parent,
                   models::ParseModelName(request.parent() + "/models/any"));
  ASSIGN_OR_RETURN(const int wanted, wire::PageSize(request.page_size()));
  const std::string query = fmt::format("models.list\n{}\n{}", request.parent(), request.filter());
  ASSIGN_OR_RETURN(std::string after, page_tokens_->Open(query, request.page_token()));
  ListModelsResponse response;
  size_t scanned = 0;
  while (true) {
    const auto missing = static_cast<size_t>(wanted - response.models_size());
    ASSIGN_OR_RETURN(const models::Page<models::StoredModel> page,
                     registry_->ListModels(parent.project, missing, after));
    scanned += page.items.size();
    for (const models::StoredModel& stored : page.items) {
      const auto value_of = [&](std::string_view field) { return ValueOf(stored.record, field); };
      if (!filter.Matches(value_of)) continue;
      ASSIGN_OR_RETURN(*response.add_models(), registry_->ShowModel(stored));
    }
    after = page.next;
    if (after.empty() || response.models_size() >= wanted || scanned >= kModelsScannedMax) break;
  }
  if (!after.empty()) response.set_next_page_token(page_tokens_->Seal(query, after));
  return response;
}

Result<Model> ModelService::GetModel(const CallContext&,
                                     const google::cloud::ml::v1::GetModelRequest& request) {
  ASSIGN_OR_RETURN(const models::StoredModel stored, registry_->GetModel(request.name()));
  return registry_->ShowModel(stored);
}

Result<Operation> ModelService::UpdateModel(
    const CallContext&, const google::cloud::ml::v1::UpdateModelRequest& request) {
  RETURN_IF_ERROR(models::ValidateModelUpdate(request.update_mask(), request.model()));
  return registry_->UpdateModel(request.name(), request.update_mask(), request.model());
}

Result<Operation> ModelService::DeleteModel(
    const CallContext&, const google::cloud::ml::v1::DeleteModelRequest& request) {
  std::vector<store::Write> others;
  // Whoever makes a model of that name later must not inherit who may use this one.
  if (store_->Get(access::kPolicyKind, request.name()).ok()) {
    others.push_back(
        {store::Write::Op::kDelete, access::kPolicyKind, request.name(), "", std::nullopt});
  }
  return registry_->DeleteModel(request.name(), std::move(others));
}

}  // namespace hodei::service
