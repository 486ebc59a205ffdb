// From a job's record to what the executor is asked to run. Pure.
#pragma once

#include <string>

#include "domain/environments/environments.h"
#include "domain/jobs/cluster.h"
#include "exec/executor.h"
#include "hodei/jobs/record.pb.h"

namespace hodei::jobs {

struct ReplicaSettings {
  exec::Egress egress = exec::Egress::kInternet;
  int64_t log_bytes_limit = 1LL << 30;
  int64_t log_bytes_per_second = 16LL << 20;
  // What makes jobs trust the private names (server/job_trust.h). Empty: there are none.
  std::string trust_dir;
  bool bucket_files = false;  // buckets can be files here
  int64_t host_scratch_bytes = 0;  // a replica's disk is not larger; 0: unknown
};

// Folders of one job under the data folder: JOBS_DIR/UID/{packages,logs,api}.
struct JobFolders {
  explicit JobFolders(const std::string& jobs_dir, const std::string& uid);
  std::string root;
  std::string packages;
  std::string logs;
  std::string api;
};

// The replica's part of the grant. A job that got what it claimed: what its machine type has. One
// that was clamped: as many CPUs as the machine type has, all replicas sharing the grant; of memory
// twice its proportional part, because replicas seldom need their limit at the same time.
exec::Resources ResourcesOf(const Cluster& cluster, const ReplicaGroup& group, const Grant& grant,
                            const ReplicaSettings& settings);

// `environment` is ready; `argv` is the program's command line.
exec::ReplicaSpec ReplicaSpecOf(const Machines& machines, const JobRecord& record,
                                const Replica& replica, const environments::State& environment,
                                std::vector<std::string> argv, const JobFolders& folders,
                                const ReplicaSettings& settings);

}  // namespace hodei::jobs
