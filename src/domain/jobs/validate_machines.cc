// Scale tiers, machine types, counts, accelerators and disks.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "domain/jobs/validation.h"

namespace hodei::jobs {
namespace {

using google::cloud::ml::v1::AcceleratorType;
using google::cloud::ml::v1::AcceleratorType_Name;
using google::cloud::ml::v1::ReplicaConfig;
using google::cloud::ml::v1::TrainingInput;

constexpr int kDiskGbMin = 10;
constexpr int kDiskGbMax = 64'000;

// One role's part of the input.
struct Role {
  std::string prefix;  // "parameter_server"
  const std::string* type;
  const ReplicaConfig* config;
  bool has_config;
  std::optional<int64_t> count;  // the master has none
};

std::vector<Role> RolesOf(const TrainingInput& input) {
  return {{"master", &input.master_type(), &input.master_config(), input.has_master_config(), {}},
          {"worker", &input.worker_type(), &input.worker_config(), input.has_worker_config(),
           input.worker_count()},
          {"parameter_server", &input.parameter_server_type(), &input.parameter_server_config(),
           input.has_parameter_server_config(), input.parameter_server_count()},
          {"evaluator", &input.evaluator_type(), &input.evaluator_config(),
           input.has_evaluator_config(), input.evaluator_count()}};
}

bool IsTpu(AcceleratorType type) {
  using namespace google::cloud::ml::v1;
  return type == TPU_V2 || type == TPU_V3 || type == TPU_V2_POD || type == TPU_V3_POD ||
         type == TPU_V4_POD;
}

constexpr char kNoTpu[] = "TPUs are not supported by this server.";

void CheckAccelerator(const Machines& machines, const Role& role, const MachineType* machine,
                      Violations* violations) {
  const auto& wanted = role.config->accelerator_config();
  if (!role.config->has_accelerator_config() || (wanted.count() == 0 && wanted.type() == 0)) return;
  const std::string field = role.prefix + "_config.accelerator_config";
  if (IsTpu(wanted.type())) {
    violations->AddUnsupported(field, kNoTpu);
    return;
  }
  const Accelerator* accelerator = machines.Find(wanted.type());
  if (accelerator == nullptr) {
    violations->Add(field + ".type", "The accelerator type is unknown.");
    return;
  }
  const auto& counts = accelerator->counts();
  if (std::find(counts.begin(), counts.end(), wanted.count()) == counts.end()) {
    violations->Add(field + ".count",
                    fmt::format("{} of {} cannot be attached to a machine.", wanted.count(),
                                AcceleratorType_Name(wanted.type())));
  }
  if (machine == nullptr) return;
  if (machine->family() != MachineType::COMPUTE_ENGINE) {
    violations->Add(field, "Accelerators can be attached to Compute Engine machine types only.");
  } else if (machine->accelerator_count() > 0 && (machine->accelerator() != wanted.type() ||
                                                  machine->accelerator_count() != wanted.count())) {
    violations->Add(field, fmt::format("The machine type '{}' has {} of {} built in.",
                                       machine->name(), machine->accelerator_count(),
                                       AcceleratorType_Name(machine->accelerator())));
  } else if (machine->accelerator_count() == 0 &&
             wanted.type() == google::cloud::ml::v1::NVIDIA_TESLA_A100) {
    violations->Add(field, "NVIDIA_TESLA_A100 comes with the A2 machine types only.");
  }
}

void CheckConfig(const Role& role, Violations* violations) {
  const auto& disk = role.config->disk_config();
  const std::string prefix = role.prefix + "_config";
  if (!disk.boot_disk_type().empty() && disk.boot_disk_type() != "pd-ssd" &&
      disk.boot_disk_type() != "pd-standard") {
    violations->Add(prefix + ".disk_config.boot_disk_type", "Must be pd-ssd or pd-standard.");
  }
  const int size = disk.boot_disk_size_gb();
  if (size != 0 && (size < kDiskGbMin || size > kDiskGbMax)) {
    violations->Add(prefix + ".disk_config.boot_disk_size_gb",
                    fmt::format("Must be between {} and {}.", kDiskGbMin, kDiskGbMax));
  }
  if (!role.config->tpu_tf_version().empty()) {
    violations->AddUnsupported(prefix + ".tpu_tf_version", kNoTpu);
  }
  const bool command =
      !role.config->container_command().empty() || !role.config->container_args().empty();
  if (command && role.config->image_uri().empty()) {
    violations->Add(prefix, "Container commands and arguments need an image_uri.");
  }
}

// The type, if it is known and given where it may be.
const MachineType* CheckType(const Machines& machines, const Role& role, Violations* violations) {
  const std::string field = role.prefix + "_type";
  const bool wanted = !role.count || *role.count > 0;
  if (role.type->empty()) {
    if (wanted) {
      violations->Add(field,
                      fmt::format("A machine type must be given{}.",
                                  role.count ? fmt::format(" when {}_count is set", role.prefix)
                                             : " with scale tier CUSTOM"));
    }
    return nullptr;
  }
  if (!wanted) {
    violations->Add(role.prefix + "_count",
                    fmt::format("Must be greater than zero when {} is given.", field));
    return nullptr;
  }
  const MachineType* machine = machines.Find(*role.type);
  if (machine == nullptr) {
    violations->Add(field,
                    fmt::format("The machine type '{}' is unknown.", role.type->substr(0, 80)));
  } else if (IsTpu(machine->accelerator())) {
    violations->AddUnsupported(field, kNoTpu);
  }
  return machine;
}

void CheckCustom(const Machines& machines, const TrainingInput& input, Violations* violations) {
  bool legacy = false;
  bool compute_engine = false;
  int64_t replicas = 1;
  for (const Role& role : RolesOf(input)) {
    const int64_t count = role.count.value_or(1);
    if (count < 0) {
      violations->Add(role.prefix + "_count", "Must not be negative.");
      continue;
    }
    if (role.count) replicas += std::min(count, kReplicasMax + 1);
    const MachineType* machine = CheckType(machines, role, violations);
    if (machine != nullptr) {
      legacy |= machine->family() == MachineType::LEGACY;
      compute_engine |= machine->family() == MachineType::COMPUTE_ENGINE;
    }
    CheckAccelerator(machines, role, machine, violations);
    CheckConfig(role, violations);
  }
  if (legacy && compute_engine) {
    violations->Add("master_type",
                    "Machine types must be all Compute Engine types or all legacy types.");
  }
  if (input.evaluator_count() > 1) {
    violations->Add("evaluator_count", "At most one evaluator is allowed.");
  }
  if (replicas > kReplicasMax) {
    violations->Add("worker_count",
                    fmt::format("A job may have at most {} replicas.", kReplicasMax));
  }
}

}  // namespace

void CheckMachines(const Machines& machines, const TrainingInput& input, Violations* violations) {
  if (input.scale_tier() == TrainingInput::CUSTOM) {
    return CheckCustom(machines, input, violations);
  }
  if (machines.Find(input.scale_tier()) == nullptr) {
    violations->Add("scale_tier", "The scale tier is unknown.");
    return;
  }
  if (input.scale_tier() == TrainingInput::BASIC_TPU) {
    violations->AddUnsupported("scale_tier", kNoTpu);
  }
  for (const Role& role : RolesOf(input)) {
    if (!role.type->empty()) {
      violations->Add(role.prefix + "_type",
                      "Machine types can be given with scale tier CUSTOM only.");
    }
    if (role.count && *role.count != 0) {
      violations->Add(role.prefix + "_count", "Can be given with scale tier CUSTOM only.");
    }
    if (role.config->accelerator_config().count() != 0) {
      violations->Add(role.prefix + "_config.accelerator_config",
                      "Can be given with scale tier CUSTOM only.");
    }
    CheckConfig(role, violations);
  }
}

}  // namespace hodei::jobs
