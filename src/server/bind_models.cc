#include "server/bind_models.h"

#include <string>

#include "service/model_service.h"
#include "service/operation_service.h"
#include "service/prediction_service.h"
#include "service/version_service.h"

namespace hodei::server {
namespace {

namespace ml = google::cloud::ml::v1;
using service::CallContext;
using wire::rest::Transcoder;

template <typename Service, typename Request, typename Response>
void Bind(Service* service, Transcoder* transcoder, const std::string& method,
          Result<Response> (Service::*handler)(const CallContext&, const Request&),
          Transcoder::Where where = Transcoder::Where::kPool) {
  transcoder->Bind<Request, Response>(
      method,
      [service, handler](const CallContext& call, const Request& request) {
        return (service->*handler)(call, request);
      },
      where);
}

}  // namespace

void BindModels(Serving* serving, service::PolicyService* policies, Transcoder* transcoder) {
  using service::ModelService;
  using service::OperationService;
  using service::PolicyService;
  using service::VersionService;
  const std::string model = "google.cloud.ml.v1.ModelService.";
  Bind(serving->models(), transcoder, model + "CreateModel", &ModelService::CreateModel);
  Bind(serving->models(), transcoder, model + "ListModels", &ModelService::ListModels);
  Bind(serving->models(), transcoder, model + "GetModel", &ModelService::GetModel,
       Transcoder::Where::kInline);
  Bind(serving->models(), transcoder, model + "UpdateModel", &ModelService::UpdateModel);
  Bind(serving->models(), transcoder, model + "DeleteModel", &ModelService::DeleteModel);
  Bind(policies, transcoder, model + "GetModelIamPolicy", &PolicyService::GetIamPolicy);
  Bind(policies, transcoder, model + "SetModelIamPolicy", &PolicyService::SetIamPolicy);
  Bind(policies, transcoder, model + "TestModelIamPermissions", &PolicyService::TestIamPermissions);
  const std::string version = "google.cloud.ml.v1.VersionService.";
  Bind(serving->versions(), transcoder, version + "CreateVersion", &VersionService::CreateVersion);
  Bind(serving->versions(), transcoder, version + "ListVersions", &VersionService::ListVersions);
  Bind(serving->versions(), transcoder, version + "GetVersion", &VersionService::GetVersion,
       Transcoder::Where::kInline);
  Bind(serving->versions(), transcoder, version + "UpdateVersion", &VersionService::UpdateVersion);
  Bind(serving->versions(), transcoder, version + "DeleteVersion", &VersionService::DeleteVersion);
  Bind(serving->versions(), transcoder, version + "SetDefaultVersion",
       &VersionService::SetDefaultVersion);
  // The bytes of predictions are wire/rest/predict_api's.
  transcoder->AnsweredElsewhere("google.cloud.ml.v1.OnlinePredictionService.Predict");
  const service::PredictionService* predictions = serving->predictions();
  transcoder->Bind<hodei::v1::GetVersionServingRequest, hodei::v1::VersionServing>(
      "hodei.v1.ServingInsight.GetVersionServing",
      [predictions](const CallContext& call, const hodei::v1::GetVersionServingRequest& request) {
        return predictions->GetVersionServing(call, request);
      });
  const std::string operation = "google.cloud.ml.v1.OperationService.";
  Bind(serving->operations(), transcoder, operation + "GetOperation",
       &OperationService::GetOperation, Transcoder::Where::kInline);
  Bind(serving->operations(), transcoder, operation + "ListOperations",
       &OperationService::ListOperations);
  Bind(serving->operations(), transcoder, operation + "CancelOperation",
       &OperationService::CancelOperation);
}

}  // namespace hodei::server
