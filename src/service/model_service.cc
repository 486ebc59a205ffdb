#include "service/model_service.h"

#include <fmt/format.h>

#include <string>

namespace hodei::service {
namespace {

using google::cloud::ml::v1::GetModelRequest;
using google::cloud::ml::v1::ListModelsRequest;
using google::cloud::ml::v1::ListModelsResponse;
using google::cloud::ml::v1::Model;

constexpr std::string_view kKind = "model";

Result<Model> ParseModel(const store::Record& record) {
  Model model;
  if (!model.ParseFromString(record.value)) {
    return DataLoss(fmt::format("stored model '{}' cannot be read", record.name));
  }
  return model;
}

}  // namespace

Result<ListModelsResponse> ModelService::ListModels(const CallContext&,
                                                    const ListModelsRequest& request) {
  if (!request.filter().empty()) {
    return InvalidField("filter", "Filters on models are not available in this release of Hodei.");
  }
  const std::string query = "ListModels\n" + request.parent();
  ASSIGN_OR_RETURN(const int page_size, wire::PageSize(request.page_size()));
  ASSIGN_OR_RETURN(std::string after, page_tokens_->Open(query, request.page_token()));
  ASSIGN_OR_RETURN(const store::ListPage page,
                   store_->List(kKind, {.prefix = request.parent() + "/models/",
                                        .limit = static_cast<size_t>(page_size),
                                        .after = std::move(after)}));
  ListModelsResponse response;
  for (const store::Record& record : page.records) {
    ASSIGN_OR_RETURN(*response.add_models(), ParseModel(record));
  }
  if (!page.next.empty()) response.set_next_page_token(page_tokens_->Seal(query, page.next));
  return response;
}

Result<Model> ModelService::GetModel(const CallContext&, const GetModelRequest& request) {
  Result<store::Record> record = store_->Get(kKind, request.name());
  if (record.ok()) return ParseModel(*record);
  if (record.status().code() != Code::kNotFound) return record.status();
  const std::string text = fmt::format("The model resource: \"{}\" was not found.",
                                       request.name().substr(request.name().rfind('/') + 1));
  return NotFound("Field: name Error: " + text).WithViolation({"name", text});
}

}  // namespace hodei::service
