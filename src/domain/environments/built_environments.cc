#include "domain/environments/built_environments.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/digest.h"
#include "base/encoding.h"
#include "domain/environments/embedded.h"
#include "domain/environments/job_variables.h"
#include "domain/environments/package_check.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

constexpr char kLibInside[] = "/opt/hodei/lib";
constexpr char kWheelsInside[] = "/opt/hodei/wheels";
constexpr char kPython[] = "/opt/hodei/packages/bin/python";
constexpr std::chrono::seconds kInspectionDeadline{30};
// How often a build is looked at when the executor reports nothing: limits need it.
constexpr std::chrono::seconds kPollInterval{1};
constexpr std::chrono::hours kSweepInterval{6};

constexpr int64_t kMiB = 1 << 20;

struct LibFile {
  const char* name;
  std::string_view bytes;
};

std::vector<LibFile> LibFiles() {
  return {{"hodei_launch.py", embedded::hodei_launch_py},
          {"hodei_start.py", embedded::hodei_start_py},
          {"hodei_build.py", embedded::hodei_build_py},
          {"hodei_inspect.py", embedded::hodei_inspect_py}};
}

// A folder per content: replicas of the server before an upgrade keep theirs.
std::string LibDir(const std::string& cache_dir) {
  std::string all;
  for (const LibFile& file : LibFiles()) all += Sha256(file.bytes);
  return fmt::format("{}/lib/{}", cache_dir, Sha256Hex(all).substr(0, 16));
}

BuiltEnvironmentsOptions WithDefaults(BuiltEnvironmentsOptions options) {
  if (options.cache_dir.empty()) options.cache_dir = options.data_dir + "/environments";
  if (options.runtimes_yaml.empty()) options.runtimes_yaml = embedded::runtimes_yaml;
  return options;
}

State Failed(std::string error) { return {.phase = State::kFailed, .error = std::move(error)}; }

State Building(const std::string& title, std::chrono::seconds elapsed) {
  if (elapsed.count() == 0) return {.phase = State::kBuilding, .waiting_for = "building " + title};
  return {.phase = State::kBuilding,
          .waiting_for = fmt::format("building {} ({} s so far)", title, elapsed.count())};
}

nlohmann::json PackagesJson(const std::vector<PackageFile>& packages) {
  nlohmann::json list = nlohmann::json::array();
  for (size_t i = 0; i < packages.size(); ++i) {
    list.push_back({{"path", fmt::format("/opt/hodei/in/{}", i)},
                    {"name", packages[i].file_name},
                    {"uri", packages[i].file_name}});
  }
  return list;
}

std::map<std::string, std::string> PackageInputs(const std::vector<PackageFile>& packages) {
  std::map<std::string, std::string> inputs;
  for (size_t i = 0; i < packages.size(); ++i) inputs[std::to_string(i)] = packages[i].host_path;
  return inputs;
}

// The pins of what a layer's requirements pull in; a job's own packages choose for themselves.
std::vector<std::string> Constraints(const RuntimeDefinition& runtime, const PlannedLayer& layer) {
  if (layer.name == "packages") return {};
  std::vector<std::string> constraints = runtime.constraints;
  if (layer.definition != nullptr) {
    constraints.insert(constraints.end(), layer.definition->constraints.begin(),
                       layer.definition->constraints.end());
  }
  return constraints;
}

// What a build may use: enough for a compiler, never more than the machine has.
exec::Resources BuildResources(const exec::Capabilities& machine) {
  exec::Resources resources{
      .cpu_millis = 2000, .memory_bytes = 4096 * kMiB, .scratch_bytes = 8192 * kMiB, .pids = 512};
  if (machine.cpu_millis > 0)
    resources.cpu_millis = std::min(resources.cpu_millis, machine.cpu_millis);
  if (machine.memory_bytes > 0) {
    resources.memory_bytes = std::min(resources.memory_bytes, machine.memory_bytes);
  }
  if (machine.scratch_bytes > 0) {
    resources.scratch_bytes = std::min(resources.scratch_bytes, machine.scratch_bytes);
  }
  return resources;
}

}  // namespace

Result<std::unique_ptr<BuiltEnvironments>> BuiltEnvironments::Open(BuiltEnvironmentsOptions options,
                                                                   exec::Executor* executor,
                                                                   const Clock* clock) {
  options = WithDefaults(std::move(options));
  ASSIGN_OR_RETURN(RuntimeTable table, RuntimeTable::Parse(options.runtimes_yaml));
  std::unique_ptr<BuiltEnvironments> environments(
      new BuiltEnvironments(std::move(options), std::move(table), executor, clock));
  RETURN_IF_ERROR_CTX(environments->Start(), "open the cache of environments");
  return environments;
}

BuiltEnvironments::BuiltEnvironments(BuiltEnvironmentsOptions options, RuntimeTable table,
                                     exec::Executor* executor, const Clock* clock)
    : options_(std::move(options)),
      table_(std::move(table)),
      executor_(executor),
      clock_(clock),
      lib_dir_(LibDir(options_.cache_dir)),
      store_(options_.cache_dir, Sha256Hex(options_.data_dir).substr(0, 12)),
      builder_(&store_, executor, clock) {}

BuiltEnvironments::~BuiltEnvironments() {
  watcher_.request_stop();
  wake_.notify_all();
}

Status BuiltEnvironments::Start() {
  RETURN_IF_ERROR(store_.Open());
  RETURN_IF_ERROR(MakeDirectories(lib_dir_, 0755));
  for (const LibFile& file : LibFiles()) {
    std::string path = fmt::format("{}/{}", lib_dir_, file.name);
    RETURN_IF_ERROR(WriteFileDurably(path, file.bytes, 0644));
    if (chmod(path.c_str(), 0644) != 0) return ErrnoStatus(errno, "chmod '" + path + "'");
  }
  if (chmod(lib_dir_.c_str(), 0755) != 0) return ErrnoStatus(errno, "chmod '" + lib_dir_ + "'");
  RETURN_IF_ERROR(builder_.Recover());
  if (options_.background) {
    watcher_ = std::jthread([this](std::stop_token stop) { Watch(std::move(stop)); });
  }
  return OkStatus();
}

void BuiltEnvironments::Watch(std::stop_token stop) {
  SweepLayers(store_, options_.cache, clock_->Now());
  while (!stop.stop_requested()) {
    // Without a build in progress there is nothing to look at until somebody starts one. Asked
    // before the lock: the builder calls the executor, whose listener calls ReplicaChanged(),
    // under its own. A build started in between has set woken_.
    const bool idle = builder_.idle();
    {
      std::unique_lock lock(mutex_);
      auto woken = [this] { return woken_; };
      if (idle) {
        wake_.wait_for(lock, stop, kSweepInterval, woken);
      } else {
        wake_.wait_for(lock, stop, kPollInterval, woken);
      }
      woken_ = false;
    }
    if (stop.stop_requested()) return;
    // The cache grows with every build; without one it still ages.
    if (Poll() || idle) SweepLayers(store_, options_.cache, clock_->Now());
  }
}

bool BuiltEnvironments::Poll() {
  if (!builder_.Poll()) return false;
  std::function<void()> changed;
  {
    std::lock_guard lock(mutex_);
    changed = changed_;
  }
  if (changed) changed();
  return true;
}

void BuiltEnvironments::OnChange(std::function<void()> changed) {
  std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void BuiltEnvironments::ReplicaChanged(const std::string& replica_id) {
  if (!replica_id.starts_with(kBuildReplicaPrefix)) return;
  std::lock_guard lock(mutex_);
  woken_ = true;
  wake_.notify_all();
}

Result<RuntimeChoice> BuiltEnvironments::Resolve(std::string_view runtime_version,
                                                 std::string_view python_version) const {
  ASSIGN_OR_RETURN(
      ResolvedRuntime resolved,
      table_.Resolve(runtime_version, python_version, options_.interpreters, options_.policy));
  return RuntimeChoice{.runtime_version = resolved.runtime_version,
                       .python_version = resolved.python_version,
                       .served_by = resolved.definition->name,
                       .key = RuntimeKey(*resolved.definition, resolved.interpreter),
                       .interpreter = resolved.interpreter.path,
                       .warnings = std::move(resolved.warnings)};
}

Result<State> BuiltEnvironments::Ensure(const Request& request) {
  const RuntimeDefinition* runtime = table_.Find(request.runtime.served_by);
  auto interpreter = std::find_if(
      options_.interpreters.begin(), options_.interpreters.end(),
      [&](const Interpreter& here) { return here.path == request.runtime.interpreter; });
  if (runtime == nullptr || interpreter == options_.interpreters.end()) {
    return Failed(
        fmt::format("Runtime {} with {} is no longer on this machine; submit the job again.",
                    request.runtime.served_by, request.runtime.interpreter));
  }
  if (request.packages.size() > kPackagesMax) {
    return Failed(fmt::format("A job has at most {} packages.", kPackagesMax));
  }
  for (const PackageFile& package : request.packages) {
    Status checked = CheckPackageFile(package.file_name, package.host_path);
    if (checked.code() == Code::kInvalidArgument) return Failed(checked.message());
    RETURN_IF_ERROR(checked);
  }
  Inspection inspection;
  ASSIGN_OR_RETURN(State inspected, Inspect(request, *runtime, *interpreter, &inspection));
  if (inspected.phase != State::kReady) return inspected;
  if (!inspection.error.empty()) return Failed(inspection.error);
  inspection.needed.insert(inspection.needed.end(), request.layers.begin(), request.layers.end());
  if (options_.all_layers) {
    for (const LayerDefinition& layer : runtime->layers) inspection.needed.push_back(layer.name);
  }
  return EnsureLayers(PlanEnvironment(*runtime, *interpreter, inspection.needed, request.packages),
                      request, *runtime, *interpreter);
}

void BuiltEnvironments::Release(const std::string& build_id) {
  if (builder_.Release(build_id)) ReplicaChanged(kBuildReplicaPrefix);
}

Result<State> BuiltEnvironments::Inspect(const Request& request, const RuntimeDefinition& runtime,
                                         const Interpreter& interpreter, Inspection* inspection) {
  if (request.packages.empty()) return State{.phase = State::kReady};
  std::string key = InspectionKey(runtime, request.packages);
  if (!store_.IsPublished(key)) {
    BuildSpec spec = InspectionSpec(request, runtime, interpreter);
    ASSIGN_OR_RETURN(BuildState state, builder_.Ensure(spec, request.build_id));
    // The base is needed whatever the inspector finds: build it meanwhile.
    EnvironmentPlan base = PlanEnvironment(runtime, interpreter, {}, {});
    if (state.phase != BuildState::kFailed && !store_.IsPublished(base[0].key)) {
      RETURN_IF_ERROR(
          builder_.Ensure(LayerSpec(base, 0, request, runtime, interpreter), request.build_id)
              .status());
    }
    ReplicaChanged(kBuildReplicaPrefix);
    if (state.phase == BuildState::kBuilding) return Building(spec.title, state.elapsed);
    if (state.phase == BuildState::kFailed) {
      return Failed(
          "The job's packages could not be read within the limits for packages: they "
          "need too much time or memory to unpack. " +
          state.error);
    }
  }
  auto report = store_.Report(key);
  auto parsed = report.ok() ? ParseInspection(*report, runtime) : report.status();
  if (!parsed.ok()) {
    // The inspector was made to write nonsense: that is no result to keep.
    RETURN_IF_ERROR(store_.Remove(key));
    return Failed("The job's packages could not be checked: " + parsed.status().message() + ".");
  }
  *inspection = *parsed;
  return State{.phase = State::kReady};
}

Result<State> BuiltEnvironments::EnsureLayers(const EnvironmentPlan& plan, const Request& request,
                                              const RuntimeDefinition& runtime,
                                              const Interpreter& interpreter) {
  State missing{.phase = State::kReady};
  for (size_t i = 0; i < plan.size(); ++i) {
    if (store_.IsPublished(plan[i].key)) continue;
    bool parents_ready =
        std::all_of(plan[i].parents.begin(), plan[i].parents.end(),
                    [&](size_t parent) { return store_.IsPublished(plan[parent].key); });
    if (!parents_ready) continue;  // its parent's state is what the job waits for
    BuildSpec spec = LayerSpec(plan, i, request, runtime, interpreter);
    ASSIGN_OR_RETURN(BuildState state, builder_.Ensure(spec, request.build_id));
    if (state.phase == BuildState::kFailed) return Failed(state.error);
    if (state.phase == BuildState::kBuilding && missing.phase == State::kReady) {
      missing = Building(spec.title, state.elapsed);
    }
  }
  if (missing.phase == State::kReady) return Ready(plan, runtime);
  // The watcher may be asleep for want of builds.
  ReplicaChanged(kBuildReplicaPrefix);
  return missing;
}

BuildSpec BuiltEnvironments::CommonSpec(const Interpreter& interpreter,
                                        std::string_view program) const {
  BuildSpec spec;
  spec.argv = {interpreter.path, "-I", fmt::format("{}/{}", kLibInside, program),
               "/opt/hodei/in/spec.json", "/opt/hodei/report/report"};
  spec.env = {{"PATH", "/usr/local/bin:/usr/bin:/bin"},
              {"HOME", "/work"},
              // Wheels are unpacked here, and /tmp may be memory.
              {"TMPDIR", "/work/tmp"},
              {"LANG", "C.UTF-8"},
              {"PYTHONUNBUFFERED", "1"}};
  spec.mounts = {{.host_path = lib_dir_, .inside_path = kLibInside}};
  return spec;
}

BuildSpec BuiltEnvironments::InspectionSpec(const Request& request,
                                            const RuntimeDefinition& runtime,
                                            const Interpreter& interpreter) const {
  BuildSpec spec = CommonSpec(interpreter, "hodei_inspect.py");
  spec.key = InspectionKey(runtime, request.packages);
  spec.title = "a check of the job's packages";
  spec.deadline = kInspectionDeadline;
  spec.resources = {
      .cpu_millis = 1000, .memory_bytes = 512 * kMiB, .scratch_bytes = 64 * kMiB, .pids = 16};
  spec.input_files = PackageInputs(request.packages);
  nlohmann::json modules = nlohmann::json::object();
  for (const LayerDefinition& layer : runtime.layers) modules[layer.name] = layer.modules;
  spec.spec_json =
      nlohmann::json({{"packages", PackagesJson(request.packages)}, {"modules", modules}})
          .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return spec;
}

BuildSpec BuiltEnvironments::LayerSpec(const EnvironmentPlan& plan, size_t index,
                                       const Request& request, const RuntimeDefinition& runtime,
                                       const Interpreter& interpreter) const {
  const PlannedLayer& layer = plan[index];
  const bool of_job = index + 1 == plan.size();
  BuildSpec spec = CommonSpec(interpreter, "hodei_build.py");
  spec.key = layer.key;
  spec.title = of_job
                   ? std::string("the job's packages")
                   : fmt::format("the layer '{}' of runtime {} with Python {}, once for all jobs",
                                 layer.name, runtime.name, interpreter.version);
  spec.deadline = of_job ? kPackageBuildDeadline : kRuntimeBuildDeadline;
  if (of_job) spec.log_dir = request.log_dir;
  spec.prefix = layer.prefix;
  spec.resources = BuildResources(executor_->capabilities());
  spec.egress = executor_->capabilities().internet && options_.wheel_dir.empty()
                    ? exec::Egress::kInternet
                    : exec::Egress::kNone;
  PipSettings pip = GatherPipSettings(options_.pip);
  spec.env.insert(pip.env.begin(), pip.env.end());
  spec.mounts.insert(spec.mounts.end(), pip.mounts.begin(), pip.mounts.end());
  if (!options_.wheel_dir.empty()) {
    spec.mounts.push_back({.host_path = options_.wheel_dir, .inside_path = kWheelsInside});
  }
  nlohmann::json parents = nlohmann::json::array();
  for (size_t parent : layer.parents) {
    parents.push_back(plan[parent].prefix);
    spec.mounts.push_back(
        {.host_path = store_.TreePath(plan[parent].key), .inside_path = plan[parent].prefix});
  }
  nlohmann::json configs = nlohmann::json::array();
  for (size_t i = 0; i < pip.config_files.size(); ++i) {
    std::string name = fmt::format("pip-{}.conf", i);
    spec.input_files[name] = pip.config_files[i];
    configs.push_back("/opt/hodei/in/" + name);
  }
  if (of_job) spec.input_files.merge(PackageInputs(request.packages));
  nlohmann::json json = {
      {"prefix", layer.prefix},
      {"parents", parents},
      {"requirements", layer.requirements},
      {"constraints", Constraints(runtime, layer)},
      {"packages", of_job ? PackagesJson(request.packages) : nlohmann::json::array()},
      {"provides",
       layer.definition ? layer.definition->provides : std::map<std::string, std::string>()},
      {"bundled", runtime.bundled && !of_job},
      {"network", spec.egress == exec::Egress::kInternet},
      {"wheel_dir", options_.wheel_dir.empty() ? "" : kWheelsInside},
      {"pip_configs", configs},
      {"paths", pip.inside_paths}};
  spec.spec_json = json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  return spec;
}

State BuiltEnvironments::Ready(const EnvironmentPlan& plan,
                               const RuntimeDefinition& runtime) const {
  State state{.phase = State::kReady};
  std::vector<std::string> names;
  std::vector<std::string> prefixes;
  for (const PlannedLayer& layer : plan) {
    state.mounts.push_back({.host_path = store_.TreePath(layer.key), .inside_path = layer.prefix});
    store_.Touch(layer.key, clock_->Now());
    prefixes.insert(prefixes.begin(), layer.prefix);
    if (layer.definition) names.push_back(layer.name);
  }
  state.mounts.push_back({.host_path = lib_dir_, .inside_path = kLibInside});
  std::vector<std::string> left_out;
  std::vector<std::string> left_out_modules;
  for (const LayerDefinition& layer : runtime.layers) {
    if (std::find(names.begin(), names.end(), layer.name) != names.end()) continue;
    left_out.push_back(layer.name);
    left_out_modules.insert(left_out_modules.end(), layer.modules.begin(), layer.modules.end());
  }
  state.env = JobVariables(prefixes, left_out_modules);
  std::string note = fmt::format("Environment: runtime {}, layers base", runtime.name);
  for (const std::string& name : names) note += ", " + name;
  note += " and the job's packages.";
  if (!left_out.empty()) {
    note += fmt::format(" Left out because no source of the package names them: {}.",
                        fmt::join(left_out, ", "));
  }
  state.notes.push_back(std::move(note));
  return state;
}

std::vector<std::string> BuiltEnvironments::LaunchArgv(const RuntimeChoice&,
                                                       std::string_view module,
                                                       const std::vector<std::string>& args,
                                                       std::string_view job_dir) const {
  std::vector<std::string> argv = {kPython, fmt::format("{}/hodei_start.py", kLibInside),
                                   std::string(module)};
  argv.insert(argv.end(), args.begin(), args.end());
  if (!job_dir.empty()) {
    argv.push_back("--job-dir");
    argv.emplace_back(job_dir);
  }
  return argv;
}

}  // namespace hodei::environments
