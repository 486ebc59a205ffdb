#include "domain/jobs/cluster.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::ReplicaConfig;
using google::cloud::ml::v1::TrainingInput;

void AddGroup(const Machines& machines, std::string role, int64_t count, const std::string& type,
              const ReplicaConfig& config, Cluster* cluster) {
  const MachineType* machine = machines.Find(type);
  if (count <= 0 || machine == nullptr) return;
  ReplicaGroup group;
  group.role = std::move(role);
  group.count = count;
  group.machine = machine;
  group.accelerator = machine->accelerator();
  group.accelerator_count = machine->accelerator_count();
  if (config.accelerator_config().count() > 0) {
    group.accelerator = config.accelerator_config().type();
    group.accelerator_count = config.accelerator_config().count();
  }
  if (config.disk_config().boot_disk_size_gb() > 0) {
    group.disk_gb = config.disk_config().boot_disk_size_gb();
  }
  cluster->groups.push_back(std::move(group));
}

// In 1/100,000 of a dollar per hour.
int64_t PriceOf(const Machines& machines, const Cluster& cluster) {
  int64_t price = 0;
  for (const ReplicaGroup& group : cluster.groups) {
    int64_t each = group.machine->price();
    if (group.accelerator_count > 0 && group.machine->accelerator_count() == 0) {
      const Accelerator* accelerator = machines.Find(group.accelerator);
      if (accelerator != nullptr) each += accelerator->price() * group.accelerator_count;
    }
    price += each * group.count;
  }
  return price;
}

}  // namespace

Claim operator+(const Claim& a, const Claim& b) {
  return {a.cpu_millis + b.cpu_millis, a.memory_bytes + b.memory_bytes, a.gpus + b.gpus};
}

Claim operator-(const Claim& a, const Claim& b) {
  return {a.cpu_millis - b.cpu_millis, a.memory_bytes - b.memory_bytes, a.gpus - b.gpus};
}

bool Fits(const Claim& claim, const Claim& free) {
  return claim.cpu_millis <= free.cpu_millis && claim.memory_bytes <= free.memory_bytes &&
         claim.gpus <= free.gpus;
}

Claim Clamp(const Claim& claim, const Claim& limit) {
  return {std::min(claim.cpu_millis, limit.cpu_millis),
          std::min(claim.memory_bytes, limit.memory_bytes), std::min(claim.gpus, limit.gpus)};
}

std::string Describe(const Claim& claim) {
  const double cpus = static_cast<double>(claim.cpu_millis) / 1000;
  std::string text = fmt::format("{:.3g} {}, {:.1f} GB of memory", cpus, cpus == 1 ? "CPU" : "CPUs",
                                 static_cast<double>(claim.memory_bytes) / 1e9);
  if (claim.gpus > 0) {
    text = fmt::format("{} and {} {}", text, claim.gpus, claim.gpus == 1 ? "GPU" : "GPUs");
  }
  return text;
}

Cluster ClusterOf(const Machines& machines, const TrainingInput& input) {
  Cluster cluster;
  if (input.scale_tier() != TrainingInput::CUSTOM) {
    const Tier* tier = machines.Find(input.scale_tier());
    if (tier == nullptr) return cluster;
    AddGroup(machines, "master", 1, tier->master_type(), input.master_config(), &cluster);
    AddGroup(machines, "worker", tier->worker_count(), tier->worker_type(), input.worker_config(),
             &cluster);
    AddGroup(machines, "ps", tier->parameter_server_count(), tier->parameter_server_type(),
             input.parameter_server_config(), &cluster);
    return cluster;
  }
  AddGroup(machines, "master", 1, input.master_type(), input.master_config(), &cluster);
  AddGroup(machines, "worker", input.worker_count(), input.worker_type(), input.worker_config(),
           &cluster);
  AddGroup(machines, "ps", input.parameter_server_count(), input.parameter_server_type(),
           input.parameter_server_config(), &cluster);
  AddGroup(machines, "evaluator", input.evaluator_count(), input.evaluator_type(),
           input.evaluator_config(), &cluster);
  return cluster;
}

Claim ClaimOfReplica(const ReplicaGroup& group) {
  return {group.machine->cpus() * 1000LL, group.machine->memory_mb() * 1'000'000,
          group.accelerator_count};
}

Claim ClaimOf(const Cluster& cluster) {
  Claim claim;
  for (const ReplicaGroup& group : cluster.groups) {
    const Claim each = ClaimOfReplica(group);
    claim = claim + Claim{each.cpu_millis * group.count, each.memory_bytes * group.count,
                          each.gpus * group.count};
  }
  return claim;
}

double MlUnitsPerHour(const Machines& machines, const Cluster& cluster) {
  return static_cast<double>(PriceOf(machines, cluster)) /
         static_cast<double>(machines.table().ml_unit_price());
}

double ConsumedMlUnits(const Machines& machines, const Cluster& cluster,
                       std::chrono::nanoseconds running) {
  if (running.count() <= 0) return 0;
  const double hours = static_cast<double>(running.count()) / 3.6e12;
  return std::floor(MlUnitsPerHour(machines, cluster) * hours * 100 + 1e-9) / 100;
}

}  // namespace hodei::jobs
