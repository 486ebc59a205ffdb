#include "domain/environments/layer_builder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "base/failpoint.h"
#include "base/log_frame.h"
#include "base/random_id.h"
#include "domain/environments/environments.h"
#include "sys/file.h"

namespace hodei::environments {
namespace {

constexpr char kInputInside[] = "/opt/hodei/in";
constexpr char kReportInside[] = "/opt/hodei/report";
constexpr size_t kSegmentBytesMax = 32 << 20;

std::chrono::seconds Seconds(Nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration);
}

// Copies `from` to the new file `to`, which the sandbox may read.
Status CopyForSandbox(const std::string& from, const std::string& to) {
  ASSIGN_OR_RETURN(UniqueFd in, OpenFile(from, O_RDONLY | O_CLOEXEC));
  ASSIGN_OR_RETURN(UniqueFd out, OpenFile(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  struct stat status;
  if (fstat(in.get(), &status) != 0) return ErrnoStatus(errno, "fstat '" + from + "'");
  for (off_t left = status.st_size; left > 0;) {
    ssize_t count = sendfile(out.get(), in.get(), nullptr, left);
    if (count < 0) return ErrnoStatus(errno, "copy to '" + to + "'");
    if (count == 0) break;
    left -= count;
  }
  if (fchmod(out.get(), 0644) != 0) return ErrnoStatus(errno, "chmod '" + to + "'");
  return OkStatus();
}

// The last lines a build wrote, from the newest of its log segments.
std::vector<std::string> LogTail(const std::string& log_dir) {
  auto names = ListDirectory(log_dir);
  if (!names.ok() || names->empty()) return {};
  auto bytes = ReadFile(log_dir + "/" + names->back(), kSegmentBytesMax);
  if (!bytes.ok() || !bytes->starts_with(kLogMagic)) return {};
  std::deque<std::string> lines;
  std::string_view rest = *bytes;
  rest.remove_prefix(kLogMagic.size());
  while (true) {
    ParsedLogFrame parsed = ParseLogFrame(rest);
    if (parsed.kind != ParsedLogFrame::Kind::kFrame) break;
    rest.remove_prefix(parsed.size_bytes);
    lines.emplace_back(parsed.frame.text.substr(0, 500));
    if (lines.size() > static_cast<size_t>(kLogTailLines)) lines.pop_front();
  }
  return {lines.begin(), lines.end()};
}

std::string Headline(const exec::ReplicaExit& exit) {
  if (exit.out_of_memory) return "It ran out of memory.";
  if (exit.disk_full) return "It filled its disk.";
  if (!exit.detail.empty()) return fmt::format("The sandbox failed: {}.", exit.detail);
  if (exit.signal != 0) return fmt::format("It was ended by signal {}.", exit.signal);
  return fmt::format("It ended with status {}.", exit.exit_code);
}

}  // namespace

LayerBuilder::LayerBuilder(LayerStore* store, exec::Executor* executor, const Clock* clock)
    : store_(store), executor_(executor), clock_(clock) {}

Status LayerBuilder::Recover() {
  ASSIGN_OR_RETURN(std::vector<BuildFolder> folders, store_->Builds());
  std::lock_guard lock(mutex_);
  for (const BuildFolder& folder : folders) {
    auto status = executor_->Observe(folder.replica_id);
    bool known = !folder.key.empty() && status.ok() &&
                 status->phase != exec::ReplicaPhase::kUnknown && !builds_.contains(folder.key);
    if (!known) {
      (void)executor_->Stop(folder.replica_id, /*now=*/true);
      RETURN_IF_ERROR(store_->Discard(folder));
      continue;
    }
    builds_[folder.key] = {.folder = folder,
                           .title = "an environment that an earlier start of the server began",
                           .log_dir = folder.log(),
                           .deadline = kRuntimeBuildDeadline,
                           .tree_limit = BuildSpec().tree_limit,
                           .started = clock_->Monotonic()};
  }
  return RemoveStrays();
}

Status LayerBuilder::RemoveStrays() {
  // Ends of builds that were published or discarded just before the server died.
  ASSIGN_OR_RETURN(std::vector<exec::ReplicaStatus> replicas, executor_->List());
  for (const exec::ReplicaStatus& replica : replicas) {
    bool tracked = std::any_of(builds_.begin(), builds_.end(), [&](const auto& entry) {
      return entry.second.folder.replica_id == replica.id;
    });
    if (tracked || !replica.id.starts_with(kBuildReplicaPrefix)) continue;
    (void)executor_->Stop(replica.id, /*now=*/true);
    // Refused while it still runs; the next start of the server finds it again.
    (void)executor_->Remove(replica.id);
  }
  return OkStatus();
}

Result<BuildState> LayerBuilder::Ensure(const BuildSpec& spec, const std::string& waiter) {
  if (store_->IsPublished(spec.key)) return BuildState{.phase = BuildState::kReady};
  std::lock_guard lock(mutex_);
  // Published between the first look and the lock: the poll thread forgets a build afterwards.
  if (store_->IsPublished(spec.key)) return BuildState{.phase = BuildState::kReady};
  if (auto it = builds_.find(spec.key); it != builds_.end()) {
    it->second.waiters.insert(waiter);
    return BuildState{.elapsed = Seconds(clock_->Monotonic() - it->second.started)};
  }
  if (auto it = failures_.find(spec.key);
      it != failures_.end() && it->second.waiters.contains(waiter)) {
    return BuildState{.phase = BuildState::kFailed, .error = it->second.error};
  }
  if (builds_.size() >= kBuildsMax) return BuildState{};
  RETURN_IF_ERROR_CTX(StartBuild(spec, waiter), fmt::format("build {}", spec.title));
  return BuildState{};
}

std::string LayerBuilder::LogDirFor(const BuildSpec& spec, const BuildFolder& folder) {
  if (spec.log_dir.empty()) return folder.log();
  // A folder of segments belongs to one replica: its frames count without a gap. What an earlier
  // try of this job wrote there stays, and this try is logged with the build.
  auto names = ListDirectory(spec.log_dir);
  return names.ok() && names->empty() ? spec.log_dir : folder.log();
}

Status LayerBuilder::StartBuild(const BuildSpec& spec, const std::string& waiter) {
  if (store_->FreeBytes() < kFreeBytesMin) {
    return ResourceExhausted("the disk of the environments' cache is almost full");
  }
  ASSIGN_OR_RETURN(BuildFolder folder,
                   store_->Prepare(spec.key, fmt::format("{}{}", kBuildReplicaPrefix, RandomId())));
  const std::string log_dir = LogDirFor(spec, folder);
  Status started = PlaceInputs(spec, folder);
  if (started.ok()) started = executor_->Start(ToReplica(spec, folder, log_dir));
  if (!started.ok()) {
    (void)store_->Discard(folder);
    return started;
  }
  HODEI_FAILPOINT("environments.build.started");
  builds_[spec.key] = {.folder = folder,
                       .title = spec.title,
                       .log_dir = log_dir,
                       .deadline = spec.deadline,
                       .tree_limit = spec.tree_limit,
                       .started = clock_->Monotonic(),
                       .waiters = {waiter}};
  return OkStatus();
}

Status LayerBuilder::PlaceInputs(const BuildSpec& spec, const BuildFolder& folder) const {
  std::string json = folder.input() + "/spec.json";
  RETURN_IF_ERROR(WriteFileDurably(json, spec.spec_json, 0644));
  if (chmod(json.c_str(), 0644) != 0) return ErrnoStatus(errno, "chmod '" + json + "'");
  for (const auto& [name, host_path] : spec.input_files) {
    RETURN_IF_ERROR(CopyForSandbox(host_path, folder.input() + "/" + name));
  }
  return OkStatus();
}

exec::ReplicaSpec LayerBuilder::ToReplica(const BuildSpec& spec, const BuildFolder& folder,
                                          const std::string& log_dir) const {
  exec::ReplicaSpec replica{.id = folder.replica_id,
                            .argv = spec.argv,
                            .env = spec.env,
                            .mounts = spec.mounts,
                            .resources = spec.resources};
  replica.mounts.push_back({.host_path = folder.input(), .inside_path = kInputInside});
  replica.mounts.push_back(
      {.host_path = folder.report(), .inside_path = kReportInside, .writable = true});
  if (!spec.prefix.empty()) {
    replica.mounts.push_back(
        {.host_path = folder.tree(), .inside_path = spec.prefix, .writable = true});
  }
  replica.network = {.group = folder.replica_id,
                     .host_name = "build",
                     .group_host_names = {"build"},
                     .egress = spec.egress};
  replica.log_dir = log_dir;
  replica.stop_grace = std::chrono::seconds(2);
  replica.run_limit = spec.deadline + kDeadlineSlack;
  replica.log_bytes_limit = 64LL << 20;
  return replica;
}

bool LayerBuilder::Release(const std::string& waiter) {
  std::lock_guard lock(mutex_);
  bool any = false;
  for (auto& [key, build] : builds_) {
    if (build.waiters.erase(waiter) == 0 || !build.waiters.empty()) continue;
    build.abandoned = true;
    any = true;
  }
  return any;
}

bool LayerBuilder::idle() const {
  std::lock_guard lock(mutex_);
  return builds_.empty();
}

bool LayerBuilder::Poll() {
  std::map<std::string, Build> builds;
  {
    std::lock_guard lock(mutex_);
    builds = builds_;
  }
  bool changed = false;
  for (auto& [key, build] : builds) changed |= PollBuild(key, std::move(build));
  return changed;
}

bool LayerBuilder::PollBuild(const std::string& key, Build build) {
  auto status = executor_->Observe(build.folder.replica_id);
  if (!status.ok()) return false;  // the executor has trouble of its own: look again later
  switch (status->phase) {
    case exec::ReplicaPhase::kStarting:
    case exec::ReplicaPhase::kRunning:
      if (IsAbandoned(key, build)) {
        (void)executor_->Stop(build.folder.replica_id, /*now=*/true);
      } else {
        StopIfOverLimits(key, build);
      }
      return false;
    case exec::ReplicaPhase::kExited:
      if (build.abandoned && status->exit.stopped) {
        Forget(key, build);
      } else {
        Finish(key, build, *status);
      }
      break;
    case exec::ReplicaPhase::kUnknown:
    case exec::ReplicaPhase::kLost:
      Forget(key, build);
      break;
  }
  (void)executor_->Remove(build.folder.replica_id);
  return true;
}

bool LayerBuilder::IsAbandoned(const std::string& key, const Build& build) {
  if (build.abandoned) return true;
  if (!build.waiters.empty() || clock_->Monotonic() - build.started < kUnclaimedPatience) {
    return false;
  }
  std::lock_guard lock(mutex_);
  const auto it = builds_.find(key);
  if (it == builds_.end() || !it->second.waiters.empty()) return false;
  it->second.abandoned = true;
  return true;
}

// Nobody's fault: the next Ensure() builds anew.
void LayerBuilder::Forget(const std::string& key, const Build& build) {
  (void)store_->Discard(build.folder);
  std::lock_guard lock(mutex_);
  builds_.erase(key);
}

void LayerBuilder::StopIfOverLimits(const std::string& key, const Build& build) {
  std::string reason;
  if (clock_->Monotonic() - build.started > build.deadline) {
    reason = fmt::format("It took longer than {} minutes.",
                         std::chrono::duration_cast<std::chrono::minutes>(build.deadline).count());
  } else if (store_->FreeBytes() < kFreeBytesMin) {
    reason = "The disk of the environments' cache is almost full.";
  } else {
    LayerStore::Size size = store_->TreeSize(build.folder, build.tree_limit);
    if (size.bytes > build.tree_limit.bytes || size.entries > build.tree_limit.entries) {
      reason = fmt::format("It installed more than {} MiB or {} files.",
                           build.tree_limit.bytes >> 20, build.tree_limit.entries);
    }
  }
  if (reason.empty()) return;
  {
    std::lock_guard lock(mutex_);
    auto it = builds_.find(key);
    if (it != builds_.end() && it->second.stop_reason.empty()) it->second.stop_reason = reason;
  }
  (void)executor_->Stop(build.folder.replica_id, /*now=*/true);
}

void LayerBuilder::Finish(const std::string& key, const Build& build,
                          const exec::ReplicaStatus& status) {
  const exec::ReplicaExit& exit = status.exit;
  std::string error;
  if (exit.exit_code == 0 && exit.signal == 0 && build.stop_reason.empty() && !exit.stopped) {
    if (Status published = store_->Publish(build.folder); !published.ok()) {
      error =
          fmt::format("The environment was built but could not be kept: {}.", published.message());
    }
  } else {
    error = FailureText(build, status);
  }
  if (!error.empty()) (void)store_->Discard(build.folder);
  std::lock_guard lock(mutex_);
  if (!error.empty()) RecordFailure(key, error);
  builds_.erase(key);
}

std::string LayerBuilder::FailureText(const Build& build, const exec::ReplicaStatus& status) const {
  std::string text = fmt::format("Building {} failed. ", build.title);
  auto report = store_->Report(build.folder);
  if (!build.stop_reason.empty()) {
    text += build.stop_reason;
  } else if (report.ok() && !report->empty()) {
    return text + "The last lines were:\n" + *report;
  } else {
    text += Headline(status.exit);
  }
  std::vector<std::string> tail = LogTail(build.log_dir);
  if (!tail.empty()) text += " The last lines were:";
  for (const std::string& line : tail) text += "\n" + line;
  return text;
}

void LayerBuilder::RecordFailure(const std::string& key, const std::string& error) {
  Failure& failure = failures_[key];
  failure.error = error;
  failure.order = ++failures_recorded_;
  if (auto it = builds_.find(key); it != builds_.end()) failure.waiters.merge(it->second.waiters);
  if (failures_.size() <= kFailuresKept) return;
  failures_.erase(std::min_element(
      failures_.begin(), failures_.end(),
      [](const auto& a, const auto& b) { return a.second.order < b.second.order; }));
}

}  // namespace hodei::environments
