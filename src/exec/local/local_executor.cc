#include "exec/local/local_executor.h"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <set>
#include <utility>

#include "base/digest.h"
#include "exec/local/egress_removal.h"
#include "exec/local/launch_planner.h"
#include "exec/local/orphan_removal.h"
#include "exec/local/replica_folders.h"
#include "exec/local/replica_observer.h"
#include "exec/local/replica_socket.h"
#include "exec/local/replica_watcher.h"
#include "exec/local/scratch_stock.h"
#include "exec/local/seccomp_filter.h"
#include "exec/local/spec_check.h"
#include "exec/local/tier.h"
#include "exec/sandbox/cgroup.h"
#include "exec/sandbox/network.h"
#include "exec/sandbox/process_identity.h"
#include "exec/sandbox/run_program.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr std::chrono::seconds kStartLimit{60};
constexpr std::chrono::seconds kKillPatience{5};

std::string OwnFolder() {
  char path[4096];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  const std::string program(path, n > 0 ? static_cast<size_t>(n) : 0);
  return program.substr(0, program.rfind('/'));
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
  Result<UniqueFd> OpenSocket(const std::string& id, const std::string& name) override;
  void OnChange(std::function<void(const std::string& id)> changed) override;

 private:
  Status Launch(const LaunchPlan& plan);
  Result<std::string> RunSupervisor(const LaunchPlan& plan);
  void UndoLaunch(const LaunchPlan& plan);
  void ReleaseGroup(const LaunchPlan& plan);
  void ReleaseEgress(const LaunchPlan& plan);
  void Recover();
  void Adopt(const std::string& id);
  void Changed(const std::string& id);

  LocalExecutorOptions options_;
  const std::string instance_;  // marks what is ours in kernel-wide name spaces
  Tier tier_;
  const ReplicaFolders folders_;
  const LaunchPlanner planner_;
  ScratchStock scratch_;
  EgressRemoval egress_;
  std::mutex mutex_;  // guards starting_ and changed_
  std::condition_variable start_ended_;
  std::set<std::string> starting_;
  std::function<void(const std::string&)> changed_;
  std::mutex group_mutex_;  // a group's making, its users' records and its removal
  ReplicaObserver observer_;
  ReplicaWatcher watcher_;  // last: its thread uses the others
};

LocalExecutor::LocalExecutor(const LocalExecutorOptions& options, const Clock& clock)
    : options_(options),
      instance_("hodei-" + Sha256Hex(options.dir).substr(0, 10)),
      folders_(options.dir + "/replicas"),
      planner_(options_, tier_, instance_),
      scratch_(options.dir + "/templates", options.dir + "/scratch"),
      egress_([] { (void)RemoveUnusedEgress(kNetworkLock); }),
      observer_(folders_, clock,
                [this](const std::string& id, UniqueFd pidfd) {
                  watcher_.WatchSupervisor(id, std::move(pidfd));
                }),
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
  Recover();
  return OkStatus();
}

// Adopts the living; what belongs to nobody any more goes.
void LocalExecutor::Recover() {
  folders_.RemoveLeftovers();
  const auto ids = folders_.Ids();
  if (!ids.ok()) return;
  KnownReplicas known;
  for (const std::string& id : *ids) {
    known.ids.insert(id);
    if (const auto plan = folders_.ReadPlan(id); plan.ok() && !plan->group_netns.empty()) {
      known.groups.insert(plan->group_netns);
    }
    Adopt(id);
  }
  RemoveOrphans(known, tier_.cgroups.parents, instance_, options_.dir + "/scratch");
}

void LocalExecutor::Adopt(const std::string& id) {
  const auto status = Observe(id);  // records a loss if there was one
  if (!status.ok() || HasEnded(status->phase) || status->phase == ReplicaPhase::kUnknown) return;
  (void)watcher_.WatchRecords(id, folders_.PathOf(id)).ok();
  Changed(id);  // whatever happened before the watch
}

Status LocalExecutor::Start(const ReplicaSpec& spec) {
  RETURN_IF_ERROR(CheckSpec(spec));
  {
    std::unique_lock lock(mutex_);
    start_ended_.wait(lock, [&] { return !starting_.contains(spec.id); });
    if (folders_.WasStarted(spec.id) || folders_.LockHeld(spec.id)) return OkStatus();
    starting_.insert(spec.id);
  }
  const auto start = [&]() -> Status {
    ASSIGN_OR_RETURN(const LaunchPlan plan, planner_.Plan(spec));
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
  {
    std::lock_guard lock(group_mutex_);
    RETURN_IF_ERROR(folders_.WritePlan(plan));
    if (!plan.group_netns.empty()) RETURN_IF_ERROR(EnsureGroup(plan.group_netns));
  }
  RETURN_IF_ERROR(watcher_.WatchRecords(id, folders_.PathOf(id)));
  const Result<std::string> report = RunSupervisor(plan);
  // Whatever was or was not reported: once there is a state, the replica counts as started.
  if (folders_.WasStarted(id) || folders_.LockHeld(id)) return OkStatus();
  if (report.ok() && *report == "busy") return OkStatus();
  UndoLaunch(plan);
  RETURN_IF_ERROR(report.status());
  if (report->starts_with("error ")) return Unavailable(report->substr(6));
  return Unavailable(report->empty() ? "the supervisor died" : *report);
}

// The supervisor's one line.
Result<std::string> LocalExecutor::RunSupervisor(const LaunchPlan& plan) {
  std::vector<std::string> argv = {options_.bin_dir + "/hodei-supervisor",
                                   folders_.PathOf(plan.spec.id)};
  RunOptions run{.limit = kStartLimit};
  UniqueFd scratch;
  if (plan.host_uid != 0) {
    ASSIGN_OR_RETURN_CTX(scratch, scratch_.Take(plan.spec.resources.scratch_bytes), "scratch");
    argv.emplace_back("scratch");
    run.inherit = scratch.get();
  }
  return RunProgram(argv, run);
}

void LocalExecutor::UndoLaunch(const LaunchPlan& plan) {
  watcher_.Forget(plan.spec.id);
  (void)RemoveTree(folders_.PathOf(plan.spec.id)).ok();
  if (!plan.scratch_path.empty()) (void)RemoveTree(plan.scratch_path).ok();
  ReleaseGroup(plan);
}

Result<ReplicaStatus> LocalExecutor::Observe(const std::string& id) {
  return observer_.Observe(id);
}

Result<std::vector<ReplicaStatus>> LocalExecutor::List() {
  ASSIGN_OR_RETURN(const std::vector<std::string> ids, folders_.Ids());
  std::vector<ReplicaStatus> all;
  for (const std::string& id : ids) {
    ASSIGN_OR_RETURN(ReplicaStatus status, Observe(id));
    if (status.phase != ReplicaPhase::kUnknown) all.push_back(std::move(status));
  }
  return all;
}

Status LocalExecutor::Stop(const std::string& id, bool now) {
  ASSIGN_OR_RETURN(const ReplicaStatus status, Observe(id));
  if (HasEnded(status.phase) || status.phase == ReplicaPhase::kUnknown) return OkStatus();
  const std::string path = folders_.FileOf(id, kStopFile);
  const auto asked = ReadFile(path, 64);
  if (now || !asked.ok()) RETURN_IF_ERROR(WriteFileDurably(path, now ? "now" : "grace"));
  const auto text = ReadFile(folders_.FileOf(id, kStateFile));
  if (!text.ok()) return OkStatus();  // read before user code starts
  ASSIGN_OR_RETURN(const ReplicaState state, ParseState(*text));
  (void)SignalProcess(OpenSupervisor(state), SIGUSR1);
  return OkStatus();
}

Status LocalExecutor::Remove(const std::string& id) {
  ASSIGN_OR_RETURN(const ReplicaStatus status, Observe(id));
  if (!IsReplicaId(id) || !FileExists(folders_.PathOf(id))) return OkStatus();
  if (!HasEnded(status.phase) && status.phase != ReplicaPhase::kUnknown) {
    return FailedPrecondition(fmt::format("replica '{}' has not ended", id));
  }
  watcher_.Forget(id);
  const auto plan = folders_.ReadPlan(id);
  if (plan.ok()) {
    KillCgroups(plan->cgroups, kKillPatience);
    RETURN_IF_ERROR(RemoveCgroups(plan->cgroups));
    if (!plan->scratch_path.empty()) RETURN_IF_ERROR(RemoveTree(plan->scratch_path));
  }
  RETURN_IF_ERROR(folders_.Remove(id));
  if (plan.ok()) {
    ReleaseGroup(*plan);
    ReleaseEgress(*plan);
  }
  return OkStatus();
}

Result<UniqueFd> LocalExecutor::OpenSocket(const std::string& id, const std::string& name) {
  const auto running = [&]() -> Result<ReplicaStatus> {
    ASSIGN_OR_RETURN(ReplicaStatus status, Observe(id));
    if (status.phase == ReplicaPhase::kRunning) return status;
    return Unavailable(fmt::format("replica '{}' does not run", id));
  };
  ASSIGN_OR_RETURN(const ReplicaStatus before, running());
  const auto ticks = StartTicks(before.pid);
  ASSIGN_OR_RETURN(UniqueFd socket, OpenSocketOf(before.pid, name));
  // The number may have become another process's while it was used.
  ASSIGN_OR_RETURN(const ReplicaStatus after, running());
  if (!ticks || after.pid != before.pid || StartTicks(after.pid) != ticks) {
    return Unavailable(fmt::format("replica '{}' is ending", id));
  }
  return socket;
}

void LocalExecutor::ReleaseGroup(const LaunchPlan& plan) {
  if (plan.group_netns.empty()) return;
  std::lock_guard lock(group_mutex_);
  const auto ids = folders_.Ids();
  if (!ids.ok()) return;
  for (const std::string& id : *ids) {
    const auto other = folders_.ReadPlan(id);
    if (other.ok() && other->group_netns == plan.group_netns) return;
  }
  (void)RemoveGroup(plan.group_netns).ok();
}

void LocalExecutor::ReleaseEgress(const LaunchPlan& plan) {
  if (plan.spec.network.egress != Egress::kInternet) return;
  egress_.Released();
}

void LocalExecutor::OnChange(std::function<void(const std::string& id)> changed) {
  std::lock_guard lock(mutex_);
  changed_ = std::move(changed);
}

void LocalExecutor::Changed(const std::string& id) {
  const auto status = Observe(id);
  if (status.ok() && HasEnded(status->phase)) watcher_.Forget(id);
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
