#include "domain/serving/node_spec.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "domain/models/serving_machine.h"

namespace hodei::serving {
namespace {

namespace ml = google::cloud::ml::v1;
using nlohmann::json;

constexpr int64_t kScratchBytes = 10'000'000'000;
constexpr int64_t kBatchRequestBytesMax = 20 << 20;

int64_t AtMost(int64_t wanted, int64_t host) { return host > 0 ? std::min(wanted, host) : wanted; }

// What custom code finds in its environment, in the API's own spelling.
json CreateVersionRequest(const ml::Version& spec) {
  json version = {{"name", spec.name()},
                  {"deployment_uri", spec.deployment_uri()},
                  {"runtime_version", spec.runtime_version()},
                  {"python_version", spec.python_version()},
                  {"machine_type", spec.machine_type()}};
  if (!spec.prediction_class().empty()) version["prediction_class"] = spec.prediction_class();
  if (!spec.package_uris().empty()) {
    version["package_uris"] =
        std::vector<std::string>(spec.package_uris().begin(), spec.package_uris().end());
  }
  return {{"version", version}};
}

}  // namespace

exec::Resources NodeResources(const ml::Version& spec, const NodeSettings& settings) {
  const auto machine = models::FindServingMachine(
      spec.machine_type().empty() ? models::kDefaultServingMachine : spec.machine_type());
  exec::Resources resources;
  if (machine) {
    resources.cpu_millis = AtMost(machine->cpu_millis, settings.host_cpu_millis);
    resources.memory_bytes = AtMost(machine->memory_bytes, settings.host_memory_bytes);
  }
  resources.scratch_bytes = AtMost(kScratchBytes, settings.host_scratch_bytes);
  return resources;
}

std::string ServeConfig(const ServedModel& model, const exec::Resources& resources) {
  const ml::Version& spec = model.spec;
  const auto cpus = static_cast<int>(std::max<int64_t>(resources.cpu_millis / 1000, 1));
  json config = {
      {"format", 1},
      {"project", model.project},
      {"model", model.model},
      {"version", model.version},
      {"framework",
       spec.framework() == ml::FRAMEWORK_UNSPECIFIED ? "" : ml::Framework_Name(spec.framework())},
      {"signature_name", model.signature_name},
      {"tags", {"serve"}},
      {"prediction_class", spec.prediction_class()},
      {"create_version_request", CreateVersionRequest(spec)},
      {"python", "/opt/hodei/packages/bin/python"},
      {"socket", std::string("/work/") + kServeSocket},
      {"workers", cpus},
      {"threads", cpus},
      {"memory_bytes", resources.memory_bytes},
      {"deadline_ms", 60'000},
      {"batch", model.batch}};
  if (model.compiled) config["compiled"] = "/serve/compiled";
  if (model.batch) config["request_bytes_max"] = kBatchRequestBytesMax;
  return config.dump(-1, ' ', true, json::error_handler_t::replace);
}

exec::ReplicaSpec NodeSpec(const ServedModel& model, const std::string& id,
                           const environments::State& environment, const std::string& staged,
                           const std::string& config_dir, const std::string& log_dir,
                           const NodeSettings& settings) {
  exec::ReplicaSpec spec;
  spec.id = id;
  spec.argv = settings.argv.empty() ? std::vector<std::string>{kServeProgram} : settings.argv;
  spec.argv.insert(spec.argv.end(), {"--config", "/serve/config.json"});
  spec.env = environment.env;
  spec.env.try_emplace("HOME", "/work");
  spec.env.try_emplace("PATH", "/usr/bin:/bin");
  spec.mounts = environment.mounts;
  spec.mounts.push_back({.host_path = staged + "/model", .inside_path = "/model"});
  spec.mounts.push_back({.host_path = config_dir, .inside_path = "/serve"});
  spec.mounts.push_back({.host_path = settings.program_dir, .inside_path = "/opt/hodei/serve"});
  spec.resources = NodeResources(model.spec, settings);
  spec.log_dir = log_dir;
  return spec;
}

}  // namespace hodei::serving
