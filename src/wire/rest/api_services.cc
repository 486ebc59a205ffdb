#include "wire/rest/api_services.h"

#include <google/protobuf/descriptor.h>

#include "google/cloud/ml/v1/job.pb.h"
#include "google/cloud/ml/v1/location.pb.h"
#include "google/cloud/ml/v1/model.pb.h"
#include "google/cloud/ml/v1/online_prediction.pb.h"
#include "google/cloud/ml/v1/operation.pb.h"
#include "google/cloud/ml/v1/study.pb.h"
#include "google/cloud/ml/v1/trial.pb.h"
#include "google/cloud/ml/v1/version.pb.h"
#include "google/cloud/resourcemanager/v1/projects.pb.h"
#include "google/iam/admin/v1/iam.pb.h"
#include "google/logging/v2/logging.pb.h"
#include "hodei/v1/job_insight.pb.h"
#include "hodei/v1/serving_insight.pb.h"

namespace hodei::wire::rest {

std::vector<const google::protobuf::ServiceDescriptor*> ApiServices() {
  namespace ml = google::cloud::ml::v1;
  const google::protobuf::FileDescriptor* const files[] = {
      ml::Job::descriptor()->file(),
      ml::Model::descriptor()->file(),
      ml::Version::descriptor()->file(),
      ml::PredictRequest::descriptor()->file(),
      ml::OperationMetadata::descriptor()->file(),
      ml::Location::descriptor()->file(),
      ml::Study::descriptor()->file(),
      ml::Trial::descriptor()->file(),
      google::cloud::resourcemanager::v1::Project::descriptor()->file(),
      google::logging::v2::LogEntry::descriptor()->file(),
      google::iam::admin::v1::ServiceAccount::descriptor()->file(),
      hodei::v1::JobExplanation::descriptor()->file(),
      hodei::v1::VersionServing::descriptor()->file(),
  };
  std::vector<const google::protobuf::ServiceDescriptor*> services;
  for (const auto* file : files) {
    for (int i = 0; i < file->service_count(); ++i) services.push_back(file->service(i));
  }
  return services;
}

}  // namespace hodei::wire::rest
