// How the replicas of a job know each other: host names and the TF_CONFIG variable. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "google/cloud/ml/v1/training.pb.h"
#include "hodei/jobs/record.pb.h"

namespace hodei::jobs {

inline constexpr int kReplicaPort = 2222;

// "cmle-training-worker-0a1b2c3d4e-1": unique per attempt.
std::string ReplicaHostName(std::string_view uid, int attempt, std::string_view role, int index);

// What TF_CONFIG calls the first replica: "master" for runtimes up to 1.15, else "chief".
std::string ChiefName(std::string_view runtime_version);

// TF_CONFIG for the replica `self` of `attempt`. The evaluator knows the cluster but is not in it.
std::string TfConfig(const google::cloud::ml::v1::TrainingInput& input, std::string_view uid,
                     const Attempt& attempt, const Replica& self);

// "master-replica-0".
std::string TaskName(const Replica& replica);

}  // namespace hodei::jobs
