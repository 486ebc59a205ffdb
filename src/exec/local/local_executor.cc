#include "exec/local/local_executor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "base/digest.h"
#include "base/random_id.h"
#include "exec/local/replica_watcher.h"
#include "exec/local/seccomp_filter.h"
#include "exec/local/tier.h"
#include "exec/record/replica_records.h"
#include "exec/sandbox/cgroup.h"
#include "exec/sandbox/network.h"
#include "exec/sandbox/process_identity.h"
#include "exec/sandbox/run_program.h"
#include "exec/sandbox/scratch.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

// Host users of jobs: far above what people and distributions use, below what 32 bits end at.
constexpr uint32_t kFirstJobUid = 0x70000000;
constexpr uint32_t kJobUids = 0x0FFFFFFF;
constexpr char kNetworkLock[] = "/run/hodei-network.lock";
constexpr std::chrono::seconds kStartLimit{60};
constexpr std::chrono::seconds kKillPatience{5};
constexpr size_t kMaxArguments = 10'000;
constexpr size_t kMaxLaunchBytes = 4 << 20;

bool Ended(ReplicaPhase phase) {
  return phase == ReplicaPhase::kExited || phase == ReplicaPhase::kLost;
}

std::string OwnFolder() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, n > 0 ? static_cast<size_t>(n) : 0);
  return program.substr(0, program.rfind('/'));
}

uint32_t NewJobUid() {
  // Random, not counted: two servers on one machine need not know of each other.
  const std::string bytes = RandomBytes(4);
  uint32_t number = 0;
  for (char byte : bytes) number = number * 256 + static_cast<unsigned char>(byte);
  return kFirstJobUid + number % kJobUids;
}

bool IsPlainPath(const std::string& path) {
  return path.starts_with('/') && path.find('\0') == std::string::npos &&
         (path + "/").find("/../") == std::string::npos;
}

Status Validate(const ReplicaSpec& spec) {
  if (!IsReplicaId(spec.id)) return InvalidArgument("replica id must be [a-z0-9-]{1,100}");
  const auto bad = [&](std::string_view what) {
    return InvalidArgument(fmt::format("replica '{}': {}", spec.id, what));
  };
  if (spec.argv.empty() || !IsPlainPath(spec.argv[0])) return bad("argv[0] is no absolute path");
  if (spec.argv.size() > kMaxArguments) return bad("too many arguments");
  size_t bytes = 0;
  for (const std::string& arg : spec.argv) {
    if (arg.find('\0') != std::string::npos) return bad("an argument holds a NUL");
    bytes += arg.size() + 1;
  }
  for (const auto& [name, value] : spec.env) {
    const std::string both = name + value;
    if (name.empty() || name.find('=') != std::string::npos ||
        both.find('\0') != std::string::npos) {
      return bad("bad environment variable");
    }
    bytes += both.size() + 2;
  }
  if (bytes > kMaxLaunchBytes) return bad("arguments and environment are too large");
  if (!IsPlainPath(spec.work_dir) || !IsPlainPath(spec.log_dir)) return bad("bad folder");
  for (const Mount& mount : spec.mounts) {
    if (!IsPlainPath(mount.host_path) || !IsPlainPath(mount.inside_path)) return bad("bad mount");
  }
  const Resources& want = spec.resources;
  if (want.cpu_millis <= 0 || want.memory_bytes <= 0 || want.scratch_bytes <= 0 || want.pids <= 0) {
    return bad("every resource must be positive");
  }
  const Network& network = spec.network;
  if (network.group_host_names.size() > kMaxGroupSize) return bad("too many replicas in the group");
  for (const std::string& name : network.group_host_names) {
    if (name.empty() || name.size() > 253 ||
        name.find_first_not_of(
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") !=
            std::string::npos) {
      return bad("bad host name");
    }
  }
  if (!network.group.empty() &&
      std::find(network.group_host_names.begin(), network.group_host_names.end(),
                network.host_name) == network.group_host_names.end()) {
    return bad("host_name is not among group_host_names");
  }
  return OkStatus();
}

ReplicaStatus FromExit(const std::string& id, const ExitRecord& record) {
  ReplicaStatus status;
  status.id = id;
  status.phase = record.lost ? ReplicaPhase::kLost : ReplicaPhase::kExited;
  status.start_time = record.started;
  status.exit = record.exit;
  return status;
}

class LocalExecutor : public Executor {
 public:
  LocalExecutor(const LocalExecutorOptions& options, const Clock& clock);
  ~LocalExecutor() override;
  Status Open();

  const Capabilities& capabilities() const override { return tier_.capabilities; }
  Status Start(const ReplicaSpec& spec) override;
  Result<ReplicaStatus> Observe(const std::string& id) override;
  Result<std::vector<ReplicaStatus>> List() override;
  Status Stop(const std::string& id, bool now) override;
  Status Remove(const std::string& id) override;
  void OnChange(std::function<void(const std::string& id)> changed) override;

 private:
  std::string DirOf(const std::string& id) const { return replicas_ + "/" + id; }
  bool WasStarted(const std::string& id) const;
  bool LockHeld(const std::string& id) const;
  Result<LaunchPlan> ReadPlan(const std::string& id) const;
  Result<LaunchPlan> MakePlan(const ReplicaSpec& spec);
  Status Launch(const LaunchPlan& plan);
  Result<ReplicaStatus> RecordLoss(const std::string& id, const ReplicaState* state);
  void ReleaseGroup(const LaunchPlan& plan);
  void ReleaseEgress(const LaunchPlan& plan);
  void CleanUp();
  void Adopt(const std::string& id);
  void Changed(const std::string& id);

  const Clock& clock_;
  LocalExecutorOptions options_;
  std::string replicas_;
  std::string instance_;  // marks what is ours in kernel-wide name spaces
  std::string boot_id_;
  Tier tier_;
  std::mutex mutex_;  // guards starting_ and changed_
  std::condition_variable start_ended_;
  std::set<std::string> starting_;
  std::function<void(const std::string&)> changed_;
  std::mutex template_mutex_;
  std::mutex group_mutex_;  // a group's making, its users' records and its removal
  std::mutex loss_mutex_;
  ReplicaWatcher watcher_;  // last: its thread uses the others
};

LocalExecutor::LocalExecutor(const LocalExecutorOptions& options, const Clock& clock)
    : clock_(clock),
      options_(options),
      replicas_(options.dir + "/replicas"),
      boot_id_(CurrentBootId()),
      watcher_([this](const std::string& id) { Changed(id); }) {
  if (options_.bin_dir.empty()) options_.bin_dir = OwnFolder();
}

LocalExecutor::~LocalExecutor() {
  // Stays when replicas are in it; the next server makes it again.
  for (const CgroupDirectory& parent : tier_.cgroups.parents) rmdir(parent.path.c_str());
}

Status LocalExecutor::Open() {
  if (!IsPlainPath(options_.dir)) return InvalidArgument("executor folder is no absolute path");
  for (const char* name : {"/replicas", "/scratch", "/templates"}) {
    RETURN_IF_ERROR(MakeDirectories(options_.dir + name));
  }
  instance_ = "hodei-" + Sha256Hex(options_.dir).substr(0, 10);
  tier_ = DetectTier(options_.dir, options_.bwrap_path, instance_);
  if (tier_.capabilities.tier == "E") {
    return FailedPrecondition(tier_.capabilities.tier_summary);
  }
  for (const char* name : {"/hodei-supervisor", "/hodei-replica-init"}) {
    if (access((options_.bin_dir + name).c_str(), X_OK) != 0) {
      return NotFound(fmt::format("'{}{}' is missing", options_.bin_dir, name));
    }
  }
  RETURN_IF_ERROR(WriteSeccompFilter(options_.dir + "/templates/seccomp.bpf"));
  RETURN_IF_ERROR(watcher_.Start());
  CleanUp();
  return OkStatus();
}

// Adopts the living; what belongs to nobody any more goes.
void LocalExecutor::CleanUp() {
  std::set<std::string> known;
  std::set<std::string> groups;
  const auto names = ListDirectory(replicas_);
  if (!names.ok()) return;
  for (const std::string& id : *names) {
    if (!IsReplicaId(id)) {
      (void)RemoveTree(DirOf(id)).ok();  // a removal that a crash cut short
      continue;
    }
    known.insert(id);
    if (const auto plan = ReadPlan(id); plan.ok() && !plan->group_netns.empty()) {
      groups.insert(plan->group_netns);
    }
    Adopt(id);
  }
  for (const CgroupDirectory& parent : tier_.cgroups.parents) {
    const auto children = ListDirectory(parent.path);
    if (!children.ok()) continue;
    for (const std::string& child : *children) {
      if (known.contains(child) || !FileExists(parent.path + "/" + child + "/cgroup.procs"))
        continue;
      const std::vector<CgroupDirectory> orphan = {{parent.controller, parent.path + "/" + child}};
      KillCgroups(orphan, kKillPatience);
      (void)RemoveCgroups(orphan).ok();
    }
  }
  for (const std::string& group : ListGroups(instance_)) {
    if (!groups.contains(group)) (void)RemoveGroup(group).ok();
  }
  // Interfaces die a moment after their replica, so the last removal may have come too early.
  if (FileExists(kForwardingRecord)) (void)RemoveUnusedEgress(kNetworkLock).ok();
  const auto scratches = ListDirectory(options_.dir + "/scratch");
  if (!scratches.ok()) return;
  for (const std::string& name : *scratches) {
    if (!known.contains(name)) (void)RemoveTree(options_.dir + "/scratch/" + name).ok();
  }
}

void LocalExecutor::Adopt(const std::string& id) {
  const auto status = Observe(id);  // records a loss if there was one
  if (!status.ok() || Ended(status->phase) || status->phase == ReplicaPhase::kUnknown) return;
  (void)watcher_.WatchRecords(id, DirOf(id)).ok();
  Changed(id);  // whatever happened before the watch
}

bool LocalExecutor::WasStarted(const std::string& id) const {
  return FileExists(DirOf(id) + "/" + kStateFile) || FileExists(DirOf(id) + "/" + kExitFile);
}

bool LocalExecutor::LockHeld(const std::string& id) const {
  const auto fd = OpenFile(DirOf(id) + "/" + kLockFile, O_RDWR);
  return fd.ok() && IsLocked(fd->get());
}

Result<LaunchPlan> LocalExecutor::ReadPlan(const std::string& id) const {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(DirOf(id) + "/" + kSpecFile));
  return ParseLaunchPlan(text);
}

Result<LaunchPlan> LocalExecutor::MakePlan(const ReplicaSpec& spec) {
  const Capabilities& able = tier_.capabilities;
  LaunchPlan plan;
  plan.spec = spec;
  plan.tier = able.tier;
  plan.cgroups = CgroupsFor(tier_.cgroups, spec.id);
  plan.bwrap_path = options_.bwrap_path;
  plan.init_path = options_.bin_dir + "/hodei-replica-init";
  plan.seccomp_path = options_.dir + "/templates/seccomp.bpf";
  plan.scratch_path = options_.dir + "/scratch/" + spec.id;
  plan.network_lock = kNetworkLock;
  for (const std::string& gpu : spec.resources.gpus) {
    if (std::find(able.gpus.begin(), able.gpus.end(), gpu) == able.gpus.end()) {
      return FailedPrecondition(fmt::format("there is no GPU '{}' here", gpu));
    }
  }
  if (!spec.network.group.empty()) {
    if (!able.network_groups) {
      return FailedPrecondition("replicas cannot reach each other here: " + able.tier_summary);
    }
    plan.group_netns = instance_ + "-" + Sha256Hex(spec.network.group).substr(0, 16);
  }
  if (!able.internet) plan.spec.network.egress = Egress::kNone;  // said in the warnings
  if (plan.spec.network.egress == Egress::kInternet) {
    for (const std::string& path : options_.resolv_confs) {
      const auto text = ReadFile(path, 64 << 10);
      if (plan.resolvers.empty() && text.ok()) plan.resolvers = ForwardableResolvers(*text);
    }
    plan.egress_allow = options_.egress_allow;
  }
  if (tier_.root) {
    plan.host_uid = NewJobUid();
    std::lock_guard lock(template_mutex_);
    ASSIGN_OR_RETURN(plan.scratch_template,
                     ScratchTemplate(options_.dir + "/templates", spec.resources.scratch_bytes));
  }
  return plan;
}

Status LocalExecutor::Start(const ReplicaSpec& spec) {
  RETURN_IF_ERROR(Validate(spec));
  {
    std::unique_lock lock(mutex_);
    start_ended_.wait(lock, [&] { return !starting_.contains(spec.id); });
    if (WasStarted(spec.id) || LockHeld(spec.id)) return OkStatus();
    starting_.insert(spec.id);
  }
  const auto start = [&]() -> Status {
    ASSIGN_OR_RETURN(const LaunchPlan plan, MakePlan(spec));
    return Launch(plan);
  };
  const Status status = Annotate(start(), fmt::format("start replica '{}'", spec.id));
  {
    std::lock_guard lock(mutex_);
    starting_.erase(spec.id);
  }
  start_ended_.notify_all();
  if (status.ok()) Changed(spec.id);
  return status;
}

Status LocalExecutor::Launch(const LaunchPlan& plan) {
  const std::string& id = plan.spec.id;
  const std::string dir = DirOf(id);
  {
    std::lock_guard lock(group_mutex_);
    RETURN_IF_ERROR(MakeDirectories(dir));
    // Not synced: without a durable state the replica never ran, whatever the plan says.
    ASSIGN_OR_RETURN(const UniqueFd file,
                     OpenFile(dir + "/" + kSpecFile, O_WRONLY | O_CREAT | O_TRUNC));
    RETURN_IF_ERROR(WriteAll(file.get(), SerializeLaunchPlan(plan)));
    if (!plan.group_netns.empty()) RETURN_IF_ERROR(EnsureGroup(plan.group_netns));
  }
  RETURN_IF_ERROR(watcher_.WatchRecords(id, dir));
  const auto report =
      RunProgram({options_.bin_dir + "/hodei-supervisor", dir}, {.limit = kStartLimit});
  // Whatever was or was not reported: once there is a state, the replica counts as started.
  if (WasStarted(id) || LockHeld(id)) return OkStatus();
  if (report.ok() && *report == "busy") return OkStatus();
  watcher_.Forget(id);
  (void)RemoveTree(dir).ok();
  (void)RemoveTree(plan.scratch_path).ok();
  ReleaseGroup(plan);
  RETURN_IF_ERROR(report.status());
  if (report->starts_with("error ")) return Unavailable(report->substr(6));
  return Unavailable(report->empty() ? "the supervisor died" : *report);
}

Result<ReplicaStatus> LocalExecutor::Observe(const std::string& id) {
  ReplicaStatus status;
  status.id = id;
  if (!IsReplicaId(id) || !FileExists(DirOf(id))) return status;
  const std::string exit_path = DirOf(id) + "/" + kExitFile;
  if (FileExists(exit_path)) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(exit_path));
    const auto record = ParseExit(text);
    if (record.ok()) return FromExit(id, *record);
    ExitRecord broken;
    broken.lost = true;
    broken.exit.detail = "its exit record is damaged: " + record.status().message();
    return FromExit(id, broken);
  }
  const auto text = ReadFile(DirOf(id) + "/" + kStateFile);
  if (!text.ok()) {
    if (LockHeld(id)) status.phase = ReplicaPhase::kStarting;
    return status;
  }
  const auto state = ParseState(*text);
  if (!state.ok()) return RecordLoss(id, nullptr);
  UniqueFd supervisor = OpenSupervisor(*state);
  if (!supervisor) return RecordLoss(id, &*state);
  watcher_.WatchSupervisor(id, std::move(supervisor));
  status.phase =
      state->phase == StatePhase::kRunning ? ReplicaPhase::kRunning : ReplicaPhase::kStarting;
  status.pid = state->program_pid;
  status.start_time = state->started;
  return status;
}

// The supervisor is gone. Either it finished a moment ago, or its replica is lost: then what is
// left of it ends now and the record says so for ever.
Result<ReplicaStatus> LocalExecutor::RecordLoss(const std::string& id, const ReplicaState* state) {
  std::lock_guard lock(loss_mutex_);
  const std::string exit_path = DirOf(id) + "/" + kExitFile;
  const auto text = ReadFile(exit_path);
  if (text.ok()) {
    ASSIGN_OR_RETURN(const ExitRecord record, ParseExit(*text));
    return FromExit(id, record);
  }
  if (LockHeld(id)) {
    ReplicaStatus status;
    status.id = id;
    status.phase = ReplicaPhase::kStarting;
    return status;
  }
  ExitRecord record;
  record.lost = true;
  record.exit.end_time = clock_.Now();
  if (state != nullptr) {
    record.program_pid = state->program_pid;
    record.started = state->started;
  }
  if (state != nullptr && state->boot_id != boot_id_) {
    record.exit.detail = "the machine restarted while the replica ran";
  } else {
    record.exit.detail = "the supervisor of the replica died";
    if (const auto plan = ReadPlan(id); plan.ok()) {
      const CgroupUsage usage = ReadUsage(plan->cgroups);
      record.exit.cpu_nanos = usage.cpu_nanos;
      record.exit.peak_memory_bytes = usage.peak_memory_bytes;
      if (!KillCgroups(plan->cgroups, kKillPatience)) {
        return Unavailable(fmt::format("processes of replica '{}' cannot be killed yet", id));
      }
      (void)RemoveCgroups(plan->cgroups).ok();
    }
  }
  RETURN_IF_ERROR(WriteFileDurably(exit_path, SerializeExit(record)));
  return FromExit(id, record);
}

Result<std::vector<ReplicaStatus>> LocalExecutor::List() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ListDirectory(replicas_));
  std::vector<ReplicaStatus> all;
  for (const std::string& id : names) {
    if (!IsReplicaId(id)) continue;
    ASSIGN_OR_RETURN(ReplicaStatus status, Observe(id));
    if (status.phase != ReplicaPhase::kUnknown) all.push_back(std::move(status));
  }
  return all;
}

Status LocalExecutor::Stop(const std::string& id, bool now) {
  ASSIGN_OR_RETURN(const ReplicaStatus status, Observe(id));
  if (Ended(status.phase) || status.phase == ReplicaPhase::kUnknown) return OkStatus();
  const std::string path = DirOf(id) + "/" + kStopFile;
  const auto asked = ReadFile(path, 64);
  if (now || !asked.ok()) RETURN_IF_ERROR(WriteFileDurably(path, now ? "now" : "grace"));
  const auto text = ReadFile(DirOf(id) + "/" + kStateFile);
  if (!text.ok()) return OkStatus();  // read before user code starts
  ASSIGN_OR_RETURN(const ReplicaState state, ParseState(*text));
  (void)SignalProcess(OpenSupervisor(state), SIGUSR1);
  return OkStatus();
}

Status LocalExecutor::Remove(const std::string& id) {
  ASSIGN_OR_RETURN(const ReplicaStatus status, Observe(id));
  if (!FileExists(DirOf(id)) || !IsReplicaId(id)) return OkStatus();
  if (!Ended(status.phase) && status.phase != ReplicaPhase::kUnknown) {
    return FailedPrecondition(fmt::format("replica '{}' has not ended", id));
  }
  watcher_.Forget(id);
  const auto plan = ReadPlan(id);
  if (plan.ok()) {
    KillCgroups(plan->cgroups, kKillPatience);
    RETURN_IF_ERROR(RemoveCgroups(plan->cgroups));
    RETURN_IF_ERROR(RemoveTree(plan->scratch_path));
  }
  // The name leaves first, so that a crash in between leaves no half replica.
  const std::string trash = DirOf(".gone-" + RandomId(16));
  if (rename(DirOf(id).c_str(), trash.c_str()) != 0) {
    return ErrnoStatus(errno, fmt::format("remove replica '{}'", id));
  }
  RETURN_IF_ERROR(RemoveTree(trash));
  if (plan.ok()) {
    ReleaseGroup(*plan);
    ReleaseEgress(*plan);
  }
  return OkStatus();
}

void LocalExecutor::ReleaseGroup(const LaunchPlan& plan) {
  if (plan.group_netns.empty()) return;
  std::lock_guard lock(group_mutex_);
  const auto names = ListDirectory(replicas_);
  if (!names.ok()) return;
  for (const std::string& id : *names) {
    if (!IsReplicaId(id)) continue;
    const auto other = ReadPlan(id);
    if (other.ok() && other->group_netns == plan.group_netns) return;
  }
  (void)RemoveGroup(plan.group_netns).ok();
}

void LocalExecutor::ReleaseEgress(const LaunchPlan& plan) {
  if (plan.spec.network.egress != Egress::kInternet) return;
  (void)RemoveUnusedEgress(plan.network_lock).ok();
}

void LocalExecutor::OnChange(std::function<void(const std::string& id)> changed) {
  std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void LocalExecutor::Changed(const std::string& id) {
  const auto status = Observe(id);
  if (status.ok() && Ended(status->phase)) watcher_.Forget(id);
  std::function<void(const std::string&)> changed;
  {
    std::lock_guard lock(mutex_);
    changed = changed_;
  }
  if (changed) changed(id);
}

}  // namespace

Result<std::unique_ptr<Executor>> OpenLocalExecutor(const LocalExecutorOptions& options,
                                                    const Clock& clock) {
  auto executor = std::make_unique<LocalExecutor>(options, clock);
  RETURN_IF_ERROR_CTX(executor->Open(), "local executor");
  return std::unique_ptr<Executor>(std::move(executor));
}

}  // namespace hodei::exec
