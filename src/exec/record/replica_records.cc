#include "exec/record/replica_records.h"

#include "exec/record/record.h"

namespace hodei::exec {
namespace {

void AddMounts(const ReplicaSpec& spec, Record* record) {
  for (const Mount& mount : spec.mounts) {
    record->Add("mount.host", mount.host_path);
    record->Add("mount.inside", mount.inside_path);
    record->AddBool("mount.writable", mount.writable);
  }
}

Status ReadMounts(const Record& record, ReplicaSpec* spec) {
  const auto hosts = record.All("mount.host");
  const auto insides = record.All("mount.inside");
  const auto writables = record.All("mount.writable");
  if (hosts.size() != insides.size() || hosts.size() != writables.size()) {
    return DataLoss("plan has incomplete mounts");
  }
  for (size_t i = 0; i < hosts.size(); ++i) {
    spec->mounts.push_back({hosts[i], insides[i], writables[i] == "1"});
  }
  return OkStatus();
}

Status ReadEnvironment(const Record& record, ReplicaSpec* spec) {
  for (const std::string& entry : record.All("env")) {
    const size_t equals = entry.find('=');
    if (equals == std::string::npos) return DataLoss("plan has a variable without '='");
    spec->env[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return OkStatus();
}

void AddSpec(const ReplicaSpec& spec, Record* record) {
  record->Add("id", spec.id);
  for (const std::string& arg : spec.argv) record->Add("argv", arg);
  for (const auto& [name, value] : spec.env) record->Add("env", name + "=" + value);
  record->Add("work_dir", spec.work_dir);
  AddMounts(spec, record);
  record->AddInt("cpu_millis", spec.resources.cpu_millis);
  record->AddInt("memory_bytes", spec.resources.memory_bytes);
  record->AddInt("scratch_bytes", spec.resources.scratch_bytes);
  record->AddInt("pids", spec.resources.pids);
  for (const std::string& gpu : spec.resources.gpus) record->Add("gpu", gpu);
  record->Add("group", spec.network.group);
  record->Add("host_name", spec.network.host_name);
  for (const std::string& name : spec.network.group_host_names) record->Add("group_host", name);
  record->AddBool("internet", spec.network.egress == Egress::kInternet);
  record->Add("log_dir", spec.log_dir);
  record->Add("api_socket_dir", spec.api_socket_dir);
  for (const std::string& name : spec.private_names) record->Add("private_name", name);
  record->Add("bucket_files_project", spec.bucket_files_project);
  record->AddInt("stop_grace_ms", spec.stop_grace.count());
  record->AddInt("run_limit_s", spec.run_limit.count());
  record->AddInt("log_bytes_limit", spec.log_bytes_limit);
  record->AddInt("log_bytes_per_second", spec.log_bytes_per_second);
}

Status ReadSpec(const Record& record, ReplicaSpec* spec) {
  spec->id = record.Get("id");
  if (!IsReplicaId(spec->id)) return DataLoss("plan has a bad id");
  spec->argv = record.All("argv");
  RETURN_IF_ERROR(ReadEnvironment(record, spec));
  spec->work_dir = record.Get("work_dir");
  RETURN_IF_ERROR(ReadMounts(record, spec));
  Resources& resources = spec->resources;
  ASSIGN_OR_RETURN(resources.cpu_millis, record.GetInt("cpu_millis", 0));
  ASSIGN_OR_RETURN(resources.memory_bytes, record.GetInt("memory_bytes", 0));
  ASSIGN_OR_RETURN(resources.scratch_bytes, record.GetInt("scratch_bytes", 0));
  ASSIGN_OR_RETURN(resources.pids, record.GetInt("pids", 0));
  resources.gpus = record.All("gpu");
  spec->network.group = record.Get("group");
  spec->network.host_name = record.Get("host_name");
  spec->network.group_host_names = record.All("group_host");
  spec->network.egress = record.Get("internet") == "1" ? Egress::kInternet : Egress::kNone;
  spec->log_dir = record.Get("log_dir");
  spec->api_socket_dir = record.Get("api_socket_dir");
  spec->private_names = record.All("private_name");
  spec->bucket_files_project = record.Get("bucket_files_project");
  ASSIGN_OR_RETURN(const int64_t grace, record.GetInt("stop_grace_ms", 0));
  spec->stop_grace = std::chrono::milliseconds(grace);
  ASSIGN_OR_RETURN(const int64_t run_limit, record.GetInt("run_limit_s", 0));
  spec->run_limit = std::chrono::seconds(run_limit);
  ASSIGN_OR_RETURN(spec->log_bytes_limit, record.GetInt("log_bytes_limit", 0));
  ASSIGN_OR_RETURN(spec->log_bytes_per_second, record.GetInt("log_bytes_per_second", 0));
  return OkStatus();
}

}  // namespace

bool IsReplicaId(std::string_view id) {
  if (id.empty() || id.size() > 100) return false;
  for (char c : id) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
  }
  return true;
}

std::string SerializeLaunchPlan(const LaunchPlan& plan) {
  Record record("plan");
  AddSpec(plan.spec, &record);
  record.Add("tier", plan.tier);
  record.AddInt("host_uid", plan.host_uid);
  for (const CgroupDirectory& cgroup : plan.cgroups) {
    record.Add("cgroup.controller", cgroup.controller);
    record.Add("cgroup.path", cgroup.path);
  }
  record.Add("bwrap_path", plan.bwrap_path);
  record.Add("init_path", plan.init_path);
  record.Add("bucketfs_path", plan.bucketfs_path);
  record.Add("seccomp_path", plan.seccomp_path);
  record.Add("scratch_path", plan.scratch_path);
  record.Add("group_netns", plan.group_netns);
  record.Add("network_lock", plan.network_lock);
  for (const std::string& address : plan.resolvers) record.Add("resolver", address);
  for (const std::string& allow : plan.egress_allow) record.Add("egress_allow", allow);
  return record.Serialize();
}

Result<LaunchPlan> ParseLaunchPlan(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Record record, Record::Parse("plan", bytes));
  LaunchPlan plan;
  RETURN_IF_ERROR(ReadSpec(record, &plan.spec));
  plan.tier = record.Get("tier");
  ASSIGN_OR_RETURN(const int64_t uid, record.GetInt("host_uid", 0));
  if (uid < 0 || uid > UINT32_MAX - 1) return DataLoss("plan has a bad uid");
  plan.host_uid = static_cast<uint32_t>(uid);
  const auto controllers = record.All("cgroup.controller");
  const auto paths = record.All("cgroup.path");
  if (controllers.size() != paths.size()) return DataLoss("plan has incomplete control groups");
  for (size_t i = 0; i < paths.size(); ++i) plan.cgroups.push_back({controllers[i], paths[i]});
  plan.bwrap_path = record.Get("bwrap_path");
  plan.init_path = record.Get("init_path");
  plan.bucketfs_path = record.Get("bucketfs_path");
  plan.seccomp_path = record.Get("seccomp_path");
  plan.scratch_path = record.Get("scratch_path");
  plan.group_netns = record.Get("group_netns");
  plan.network_lock = record.Get("network_lock");
  plan.resolvers = record.All("resolver");
  plan.egress_allow = record.All("egress_allow");
  return plan;
}

std::string SerializeState(const ReplicaState& state) {
  Record record("state");
  record.AddInt("pid", state.pid);
  record.AddInt("start_ticks", static_cast<int64_t>(state.start_ticks));
  record.Add("boot_id", state.boot_id);
  record.Add("phase", state.phase == StatePhase::kRunning ? "running" : "starting");
  record.AddInt("program_pid", state.program_pid);
  record.AddInt("started_nanos", state.started.unix_nanos);
  return record.Serialize();
}

Result<ReplicaState> ParseState(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Record record, Record::Parse("state", bytes));
  ReplicaState state;
  ASSIGN_OR_RETURN(state.pid, record.GetInt("pid", 0));
  ASSIGN_OR_RETURN(const int64_t ticks, record.GetInt("start_ticks", 0));
  state.start_ticks = static_cast<uint64_t>(ticks);
  state.boot_id = record.Get("boot_id");
  const std::string_view phase = record.Get("phase");
  if (phase != "running" && phase != "starting") return DataLoss("state has a bad phase");
  state.phase = phase == "running" ? StatePhase::kRunning : StatePhase::kStarting;
  ASSIGN_OR_RETURN(state.program_pid, record.GetInt("program_pid", 0));
  ASSIGN_OR_RETURN(state.started.unix_nanos, record.GetInt("started_nanos", 0));
  if (state.pid <= 1 || state.boot_id.empty()) return DataLoss("state names no process");
  return state;
}

std::string SerializeExit(const ExitRecord& exit) {
  Record record("exit");
  record.AddBool("lost", exit.lost);
  record.AddInt("exit_code", exit.exit.exit_code);
  record.AddInt("signal", exit.exit.signal);
  record.AddBool("out_of_memory", exit.exit.out_of_memory);
  record.AddBool("stopped", exit.exit.stopped);
  record.AddBool("disk_full", exit.exit.disk_full);
  record.Add("detail", exit.exit.detail);
  record.AddInt("end_nanos", exit.exit.end_time.unix_nanos);
  record.AddInt("cpu_nanos", exit.exit.cpu_nanos);
  record.AddInt("peak_memory_bytes", exit.exit.peak_memory_bytes);
  record.AddInt("program_pid", exit.program_pid);
  record.AddInt("started_nanos", exit.started.unix_nanos);
  return record.Serialize();
}

Result<ExitRecord> ParseExit(std::string_view bytes) {
  ASSIGN_OR_RETURN(const Record record, Record::Parse("exit", bytes));
  ExitRecord out;
  out.lost = record.Get("lost") == "1";
  ASSIGN_OR_RETURN(const int64_t code, record.GetInt("exit_code", 0));
  ASSIGN_OR_RETURN(const int64_t signal, record.GetInt("signal", 0));
  if (code < 0 || code > 255 || signal < 0 || signal > 64) {
    return DataLoss("exit has a bad code or signal");
  }
  out.exit.exit_code = static_cast<int>(code);
  out.exit.signal = static_cast<int>(signal);
  out.exit.out_of_memory = record.Get("out_of_memory") == "1";
  out.exit.stopped = record.Get("stopped") == "1";
  out.exit.disk_full = record.Get("disk_full") == "1";
  out.exit.detail = record.Get("detail");
  ASSIGN_OR_RETURN(out.exit.end_time.unix_nanos, record.GetInt("end_nanos", 0));
  ASSIGN_OR_RETURN(out.exit.cpu_nanos, record.GetInt("cpu_nanos", 0));
  ASSIGN_OR_RETURN(out.exit.peak_memory_bytes, record.GetInt("peak_memory_bytes", 0));
  ASSIGN_OR_RETURN(out.program_pid, record.GetInt("program_pid", 0));
  ASSIGN_OR_RETURN(out.started.unix_nanos, record.GetInt("started_nanos", 0));
  return out;
}

}  // namespace hodei::exec
