// Is this a job that can run? Every rule that needs nothing but the message and the machine table.
// Pure. The pair of runtime and Python versions is judged by Environments::Resolve, the existence
// of packages by the service.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "domain/jobs/machines.h"
#include "domain/jobs/violations.h"
#include "google/cloud/ml/v1/job.pb.h"

namespace hodei::jobs {

inline constexpr int kLabelsMax = 64;
inline constexpr size_t kLabelMaxBytes = 63;
inline constexpr int kPackageUrisMax = 100;
inline constexpr int64_t kReplicasMax = 128;       // of one job, all roles together
inline constexpr size_t kArgsMaxBytes = 64 << 10;  // together; they also stand in TF_CONFIG
inline constexpr int kArgsMax = 4096;
inline constexpr size_t kGcsUriMaxBytes = 2048;
inline constexpr size_t kPythonModuleMaxBytes = 255;
inline constexpr int kParametersMax = 64;
inline constexpr int kDiscreteValuesMax = 1000;
inline constexpr int kInputPathsMax = 1000;
inline constexpr int64_t kBatchSizeMax = 65536;
inline constexpr int64_t kBatchWorkersMax = 100;

// INVALID_ARGUMENT naming every wrong field, or UNIMPLEMENTED naming what this server does not do.
// Output-only fields are not looked at.
Status ValidateJob(const Machines& machines, const google::cloud::ml::v1::Job& job);
// Labels alone, for PATCH.
Status ValidateLabels(const google::protobuf::Map<std::string, std::string>& labels);

// Parts of ValidateJob.
void CheckLabels(const google::protobuf::Map<std::string, std::string>& labels,
                 Violations* violations);
void CheckTraining(const Machines& machines, const google::cloud::ml::v1::TrainingInput& input,
                   Violations* violations);
void CheckMachines(const Machines& machines, const google::cloud::ml::v1::TrainingInput& input,
                   Violations* violations);
void CheckHyperparameters(const google::cloud::ml::v1::HyperparameterSpec& spec,
                          Violations* violations);

void CheckPrediction(const Machines& machines, const google::cloud::ml::v1::PredictionInput& input,
                     Violations* violations);

struct GcsUri {
  std::string bucket;
  std::string object;  // may be empty
};
// "gs://BUCKET/OBJECT"; INVALID_ARGUMENT with a reason and no field.
Result<GcsUri> ParseGcsUri(std::string_view uri);

}  // namespace hodei::jobs
