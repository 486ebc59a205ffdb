#include "domain/jobs/replica_spec.h"

#include <fmt/format.h>

#include <algorithm>

#include "domain/jobs/private_google.h"
#include "domain/jobs/tf_config.h"

namespace hodei::jobs {
namespace {

// A replica gets at least this much memory and CPU, however small the grant.
constexpr int64_t kLeastMemoryBytes = 256LL << 20;
constexpr int64_t kLeastCpuMillis = 100;

// GPUs are handed out in the order of the replicas; on a clamped job the last ones get none.
std::vector<std::string> GpusOf(const Cluster& cluster, const Replica& replica,
                                const Grant& grant) {
  int64_t first = 0;
  for (const ReplicaGroup& group : cluster.groups) {
    if (group.role != replica.role()) {
      first += group.count * group.accelerator_count;
      continue;
    }
    first += replica.index() * group.accelerator_count;
    std::vector<std::string> gpus;
    for (int64_t i = first; i < first + group.accelerator_count && i < grant.gpus_size(); ++i) {
      gpus.push_back(grant.gpus(static_cast<int>(i)));
    }
    return gpus;
  }
  return {};
}

// CUDA numbers the devices that a process can open, not those of the host: "0,1" for two, whichever
// they are.
std::string VisibleDevices(size_t count) {
  std::string text = "0";
  for (size_t i = 1; i < count; ++i) text += fmt::format(",{}", i);
  return text;
}

std::map<std::string, std::string> EnvironmentOf(const JobRecord& record, const Replica& replica,
                                                 const environments::State& environment,
                                                 const ReplicaSettings& settings) {
  std::map<std::string, std::string> env = environment.env;
  const auto& input = record.job().training_input();
  env["TF_CONFIG"] = TfConfig(input, record.uid(), record.attempt(), replica);
  env["CLOUD_ML_JOB_ID"] = record.job().job_id();
  env["CLOUD_ML_PROJECT_ID"] = record.project();
  env["CLOUD_ML_REGION"] = input.region();
  env["GOOGLE_CLOUD_PROJECT"] = record.project();
  env["CLOUDSDK_CORE_PROJECT"] = record.project();
  env.try_emplace("HOME", "/work");
  if (!settings.trust_dir.empty()) env.merge(PrivateVariables());
  return env;
}

}  // namespace

JobFolders::JobFolders(const std::string& jobs_dir, const std::string& uid)
    : root(fmt::format("{}/{}", jobs_dir, uid)),
      packages(root + "/packages"),
      logs(root + "/logs"),
      api(root + "/api") {}

exec::Resources ResourcesOf(const Cluster& cluster, const ReplicaGroup& group, const Grant& grant,
                            const ReplicaSettings& settings) {
  const Claim claim = ClaimOfReplica(group);
  const Claim all = ClaimOf(cluster);
  exec::Resources resources;
  resources.cpu_millis = claim.cpu_millis;
  resources.memory_bytes = claim.memory_bytes;
  if (grant.clamped()) {
    resources.cpu_millis = std::min(claim.cpu_millis, grant.cpu_millis());
    const double part = static_cast<double>(claim.memory_bytes) /
                        static_cast<double>(std::max<int64_t>(all.memory_bytes, 1));
    const auto twice = static_cast<int64_t>(2 * part * static_cast<double>(grant.memory_bytes()));
    resources.memory_bytes = std::min({claim.memory_bytes, grant.memory_bytes(), twice});
  }
  resources.cpu_millis = std::max(resources.cpu_millis, kLeastCpuMillis);
  resources.memory_bytes = std::max(resources.memory_bytes, kLeastMemoryBytes);
  resources.scratch_bytes = group.disk_gb * 1'000'000'000;
  if (settings.host_scratch_bytes > 0) {
    resources.scratch_bytes = std::min(resources.scratch_bytes, settings.host_scratch_bytes);
  }
  return resources;
}

exec::ReplicaSpec ReplicaSpecOf(const Machines& machines, const JobRecord& record,
                                const Replica& replica, const environments::State& environment,
                                std::vector<std::string> argv, const JobFolders& folders,
                                const ReplicaSettings& settings) {
  const Cluster cluster = ClusterOf(machines, record.job().training_input());
  const Attempt& attempt = record.attempt();
  exec::ReplicaSpec spec;
  spec.id = replica.id();
  spec.argv = std::move(argv);
  spec.env = EnvironmentOf(record, replica, environment, settings);
  spec.mounts = environment.mounts;
  if (!settings.trust_dir.empty()) {
    for (exec::Mount& mount : TrustMounts(settings.trust_dir, settings.bucket_files)) {
      spec.mounts.push_back(std::move(mount));
    }
    spec.private_names = PrivateNames();
    if (settings.bucket_files) spec.bucket_files_project = record.project();
  }
  for (const ReplicaGroup& group : cluster.groups) {
    if (group.role == replica.role()) {
      spec.resources = ResourcesOf(cluster, group, record.grant(), settings);
    }
  }
  spec.resources.gpus = GpusOf(cluster, replica, record.grant());
  if (!spec.resources.gpus.empty()) {
    spec.env["CUDA_VISIBLE_DEVICES"] = VisibleDevices(spec.resources.gpus.size());
  }
  spec.network.group = fmt::format("{}-a{}", record.uid(), attempt.number());
  spec.network.host_name =
      ReplicaHostName(record.uid(), attempt.number(), replica.role(), replica.index());
  for (const Replica& other : attempt.replicas()) {
    spec.network.group_host_names.push_back(
        ReplicaHostName(record.uid(), attempt.number(), other.role(), other.index()));
  }
  spec.network.egress = settings.egress;
  spec.log_dir = fmt::format("{}/{}", folders.logs, replica.id());
  spec.api_socket_dir = folders.api;
  spec.log_bytes_limit = settings.log_bytes_limit;
  spec.log_bytes_per_second = settings.log_bytes_per_second;
  return spec;
}

}  // namespace hodei::jobs
