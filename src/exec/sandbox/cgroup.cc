#include "exec/sandbox/cgroup.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "sys/file.h"

namespace hodei::exec {
namespace {

// Where a server that stands in its own way moves to; a restarted one finds itself there.
constexpr char kServerLeaf[] = "/hodei-server";
constexpr int64_t kCpuPeriodMicros = 100'000;

Status WriteControl(const std::string& path, std::string_view value) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, fmt::format("open '{}'", path));
  if (write(fd.get(), value.data(), value.size()) < 0) {
    return ErrnoStatus(errno, fmt::format("write '{}' to '{}'", value, path));
  }
  return OkStatus();
}

std::string ReadControl(const std::string& path) {
  auto text = ReadFile(path, 1 << 20);
  return text.ok() ? *std::move(text) : std::string();
}

int64_t ReadNumber(const std::string& path) {
  return std::strtoll(ReadControl(path).c_str(), nullptr, 10);
}

// The number after `key` in lines of "key number".
int64_t FieldOf(const std::string& text, const std::string& key) {
  std::istringstream lines(text);
  std::string name;
  int64_t value = 0;
  while (lines >> name >> value) {
    if (name == key) return value;
  }
  return 0;
}

const CgroupDirectory* Find(const std::vector<CgroupDirectory>& cgroups,
                            std::string_view controller) {
  for (const CgroupDirectory& cgroup : cgroups) {
    if (cgroup.controller == controller) return &cgroup;
  }
  return nullptr;
}

// The v2 folder carries the limits too when there is no v1 memory group beside it.
bool LimitsInUnified(const std::vector<CgroupDirectory>& cgroups) {
  return Find(cgroups, "unified") != nullptr && Find(cgroups, "memory") == nullptr;
}

void Pause(int64_t millis) {
  const timespec pause{millis / 1000, millis % 1000 * 1'000'000};
  nanosleep(&pause, nullptr);
}

struct Hierarchy {
  std::string mount_point;
  std::vector<std::string> controllers;  // {"unified"} for v2
};

std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

std::vector<Hierarchy> ParseMounts(const std::string& mountinfo) {
  std::vector<Hierarchy> out;
  for (const std::string& line : Split(mountinfo, '\n')) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = Split(line.substr(0, dash), ' ');
    const auto right = Split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3) continue;
    if (right[0] == "cgroup2") out.push_back({left[4], {"unified"}});
    if (right[0] == "cgroup") out.push_back({left[4], Split(right[2], ',')});
  }
  return out;
}

// "memory" → this process's path in that hierarchy; v2's line is "0::/path".
std::string OwnPath(const std::string& own_cgroups, const std::string& controller) {
  for (const std::string& line : Split(own_cgroups, '\n')) {
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    const std::string path = line.substr(second + 1);
    const auto listed = Split(names, ',');
    const bool match = controller == "unified"
                           ? names.empty()
                           : std::find(listed.begin(), listed.end(), controller) != listed.end();
    if (match) return path == "/" ? "" : path;
  }
  return "";
}

// v2 hands controllers only to children of a group without processes, so this process leaves its
// group for a leaf beside the replicas' when that is what is in the way. Others' processes stay
// where they are: then the missing controllers are told as problems.
void EnableControllers(const std::string& own, const std::string& parent) {
  const std::string wanted = "+memory +pids +cpu";
  if (!WriteControl(own + "/cgroup.subtree_control", wanted).ok()) {
    const std::string leaf = own + kServerLeaf;
    mkdir(leaf.c_str(), 0755);
    (void)WriteControl(leaf + "/cgroup.procs", std::to_string(getpid())).ok();
    for (const char* one : {"+memory", "+pids", "+cpu"}) {
      (void)WriteControl(own + "/cgroup.subtree_control", one).ok();
    }
  }
  for (const char* one : {"+memory", "+pids", "+cpu"}) {
    (void)WriteControl(parent + "/cgroup.subtree_control", one).ok();
  }
}

void NoteMissing(CgroupLayout* layout) {
  if (layout->kind == CgroupKind::kV2) {
    const CgroupDirectory* unified = Find(layout->parents, "unified");
    const std::string enabled = ReadControl(unified->path + "/cgroup.subtree_control");
    for (const char* name : {"memory", "pids", "cpu"}) {
      if (enabled.find(name) == std::string::npos) layout->problems.emplace_back(name);
    }
    return;
  }
  for (const char* name : {"memory", "pids", "cpu", "devices"}) {
    if (Find(layout->parents, name) == nullptr) layout->problems.emplace_back(name);
  }
}

Status SetV1Limits(const CgroupDirectory& cgroup, const Resources& resources,
                   const std::vector<std::string>& device_rules) {
  const std::string& dir = cgroup.path;
  if (cgroup.controller == "memory") {
    const std::string bytes = std::to_string(resources.memory_bytes);
    RETURN_IF_ERROR(WriteControl(dir + "/memory.limit_in_bytes", bytes));
    // Absent when the kernel does not account swap.
    (void)WriteControl(dir + "/memory.memsw.limit_in_bytes", bytes).ok();
    (void)WriteControl(dir + "/memory.swappiness", "0").ok();
  } else if (cgroup.controller == "pids") {
    RETURN_IF_ERROR(WriteControl(dir + "/pids.max", std::to_string(resources.pids)));
  } else if (cgroup.controller == "cpu") {
    const int64_t quota = std::max<int64_t>(1000, resources.cpu_millis * kCpuPeriodMicros / 1000);
    RETURN_IF_ERROR(WriteControl(dir + "/cpu.cfs_period_us", std::to_string(kCpuPeriodMicros)));
    RETURN_IF_ERROR(WriteControl(dir + "/cpu.cfs_quota_us", std::to_string(quota)));
  } else if (cgroup.controller == "devices") {
    RETURN_IF_ERROR(WriteControl(dir + "/devices.deny", "a"));
    for (const std::string& rule : device_rules) {
      RETURN_IF_ERROR(WriteControl(dir + "/devices.allow", rule));
    }
  }
  return OkStatus();
}

Status SetV2Limits(const std::string& dir, const Resources& resources) {
  const int64_t quota = std::max<int64_t>(1000, resources.cpu_millis * kCpuPeriodMicros / 1000);
  const auto set = [&](const char* file, const std::string& value) -> Status {
    const std::string path = dir + "/" + file;
    // A controller that was not delegated was reported at start; its limit is not there to set.
    if (!FileExists(path)) return OkStatus();
    return WriteControl(path, value);
  };
  RETURN_IF_ERROR(set("memory.max", std::to_string(resources.memory_bytes)));
  RETURN_IF_ERROR(set("memory.swap.max", "0"));
  RETURN_IF_ERROR(set("memory.oom.group", "1"));
  RETURN_IF_ERROR(set("pids.max", std::to_string(resources.pids)));
  return set("cpu.max", fmt::format("{} {}", quota, kCpuPeriodMicros));
}

bool IsFrozen(const CgroupDirectory& cgroup) {
  const std::string parent = cgroup.path.substr(0, cgroup.path.rfind('/'));
  if (cgroup.controller == "freezer") {
    return ReadControl(parent + "/freezer.state").starts_with("FROZEN") ||
           ReadControl(parent + "/freezer.parent_freezing").starts_with("1");
  }
  return cgroup.controller == "unified" &&
         FieldOf(ReadControl(parent + "/cgroup.events"), "frozen") == 1;
}

// A child that is born in the v2 group. To move a process there, or to move it by number anywhere,
// takes a lock that waits for a grace period of the kernel (some 20 ms after a quiet time); neither
// this nor a thread that moves itself by "0" in `tasks` does.
pid_t CloneInto(const std::string& unified) {
  const UniqueFd group(open(unified.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!group) return -1;
  clone_args args{};
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<uint64_t>(group.get());
  return static_cast<pid_t>(syscall(SYS_clone3, &args, sizeof args));
}

void SignalAll(const std::string& dir) {
  std::istringstream pids(ReadControl(dir + "/cgroup.procs"));
  for (int64_t pid = 0; pids >> pid;) {
    // The group is ours alone, so what it lists right now is the replica's. 0 is a process
    // outside of our pid namespace, and 1 is never ours.
    if (pid > 1) kill(static_cast<pid_t>(pid), SIGKILL);
  }
}

}  // namespace

CgroupLayout DetectCgroups(const std::string& mountinfo, const std::string& own_cgroups,
                           const std::string& name) {
  CgroupLayout layout;
  bool v1 = false;
  bool v2 = false;
  const std::vector<Hierarchy> mounted = ParseMounts(mountinfo);
  const bool has_v2 = std::any_of(mounted.begin(), mounted.end(), [](const Hierarchy& one) {
    return one.controllers.front() == "unified";
  });
  for (const Hierarchy& hierarchy : mounted) {
    for (const std::string& controller : hierarchy.controllers) {
      static constexpr std::string_view kUsed[] = {"memory",  "pids",    "cpu",    "cpuacct",
                                                   "freezer", "devices", "unified"};
      if (std::find(std::begin(kUsed), std::end(kUsed), controller) == std::end(kUsed)) continue;
      if (Find(layout.parents, controller) != nullptr) continue;
      // Each further group costs every start a move; v2 counts time and freezes as well.
      if (has_v2 && (controller == "cpuacct" || controller == "freezer")) continue;
      std::string own = hierarchy.mount_point + OwnPath(own_cgroups, controller);
      if (own.ends_with(kServerLeaf)) own.resize(own.size() - sizeof(kServerLeaf) + 1);
      const std::string parent = own + "/" + name;
      if (!MakeDirectories(parent, 0755).ok()) continue;
      if (!WriteControl(parent + "/cgroup.procs", "").ok() &&
          access((parent + "/cgroup.procs").c_str(), W_OK) != 0) {
        continue;
      }
      (controller == "unified" ? v2 : v1) = true;
      layout.parents.push_back({controller, parent});
    }
  }
  layout.kind = v1 && v2 ? CgroupKind::kHybrid
                : v1     ? CgroupKind::kV1
                : v2     ? CgroupKind::kV2
                         : CgroupKind::kNone;
  if (layout.kind == CgroupKind::kV2) {
    const std::string& parent = layout.parents.front().path;
    EnableControllers(parent.substr(0, parent.rfind('/')), parent);
  }
  if (layout.kind != CgroupKind::kNone) NoteMissing(&layout);
  return layout;
}

std::vector<CgroupDirectory> CgroupsFor(const CgroupLayout& layout, const std::string& id) {
  std::vector<CgroupDirectory> out;
  for (const CgroupDirectory& parent : layout.parents) {
    out.push_back({parent.controller, parent.path + "/" + id});
  }
  return out;
}

Status CreateCgroups(const std::vector<CgroupDirectory>& cgroups, const Resources& resources,
                     const std::vector<std::string>& device_rules) {
  for (const CgroupDirectory& cgroup : cgroups) {
    if (IsFrozen(cgroup)) {
      return FailedPrecondition(fmt::format("control group above '{}' is frozen", cgroup.path));
    }
    RETURN_IF_ERROR(MakeDirectories(cgroup.path, 0755));
    RETURN_IF_ERROR(
        cgroup.controller == "unified"
            ? (LimitsInUnified(cgroups) ? SetV2Limits(cgroup.path, resources) : OkStatus())
            : SetV1Limits(cgroup, resources, device_rules));
  }
  return OkStatus();
}

pid_t ForkIntoCgroups(const std::vector<CgroupDirectory>& cgroups, bool* joined) {
  const CgroupDirectory* unified = Find(cgroups, "unified");
  pid_t pid = -1;
  bool born_in_unified = false;
  if (unified != nullptr) {
    pid = CloneInto(unified->path);
    born_in_unified = pid >= 0;
  }
  if (pid < 0) pid = fork();  // also a kernel or filter that knows no clone3
  if (pid != 0) return pid;
  *joined = true;
  for (const CgroupDirectory& cgroup : cgroups) {
    if (cgroup.controller == "unified") {
      if (born_in_unified) continue;
      *joined &= WriteControl(cgroup.path + "/cgroup.procs", "0").ok();
    } else {
      *joined &= WriteControl(cgroup.path + "/tasks", "0").ok();
    }
  }
  return 0;
}

bool CgroupsEmpty(const std::vector<CgroupDirectory>& cgroups) {
  for (const CgroupDirectory& cgroup : cgroups) {
    if (!ReadControl(cgroup.path + "/cgroup.procs").empty()) return false;
    if (cgroup.controller == "unified" &&
        FieldOf(ReadControl(cgroup.path + "/cgroup.events"), "populated") != 0) {
      return false;
    }
  }
  return true;
}

bool KillCgroups(const std::vector<CgroupDirectory>& cgroups, std::chrono::milliseconds patience) {
  for (int64_t waited = 0;; ++waited) {
    for (const CgroupDirectory& cgroup : cgroups) {
      // A frozen group keeps SIGKILL waiting until it thaws.
      if (cgroup.controller == "freezer") {
        (void)WriteControl(cgroup.path + "/freezer.state", "THAWED").ok();
      }
      if (cgroup.controller == "unified") {
        (void)WriteControl(cgroup.path + "/cgroup.kill", "1").ok();
      }
      SignalAll(cgroup.path);
    }
    if (CgroupsEmpty(cgroups)) return true;
    if (waited >= patience.count()) return false;
    Pause(1);
  }
}

Status RemoveCgroups(const std::vector<CgroupDirectory>& cgroups) {
  Status first;
  for (const CgroupDirectory& cgroup : cgroups) {
    for (int attempt = 0;; ++attempt) {
      if (rmdir(cgroup.path.c_str()) == 0 || errno == ENOENT) break;
      if (errno != EBUSY || attempt == 200) {
        if (first.ok()) first = ErrnoStatus(errno, fmt::format("rmdir '{}'", cgroup.path));
        break;
      }
      Pause(5);
    }
  }
  return first;
}

CgroupUsage ReadUsage(const std::vector<CgroupDirectory>& cgroups) {
  CgroupUsage usage;
  if (const auto* memory = Find(cgroups, "memory")) {
    usage.peak_memory_bytes = ReadNumber(memory->path + "/memory.max_usage_in_bytes");
    usage.oom_kills = FieldOf(ReadControl(memory->path + "/memory.oom_control"), "oom_kill");
  }
  if (const auto* cpu = Find(cgroups, "cpuacct")) {
    usage.cpu_nanos = ReadNumber(cpu->path + "/cpuacct.usage");
  }
  if (const auto* unified = Find(cgroups, "unified"); unified != nullptr && usage.cpu_nanos == 0) {
    usage.cpu_nanos = FieldOf(ReadControl(unified->path + "/cpu.stat"), "usage_usec") * 1000;
  }
  if (LimitsInUnified(cgroups)) {
    const std::string& dir = Find(cgroups, "unified")->path;
    usage.peak_memory_bytes = ReadNumber(dir + "/memory.peak");
    usage.oom_kills = FieldOf(ReadControl(dir + "/memory.events"), "oom_kill");
  }
  return usage;
}

UniqueFd WatchOutOfMemory(const std::vector<CgroupDirectory>& cgroups) {
  const auto* memory = Find(cgroups, "memory");
  if (memory == nullptr) return UniqueFd();
  UniqueFd event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  UniqueFd control(open((memory->path + "/memory.oom_control").c_str(), O_RDONLY | O_CLOEXEC));
  if (!event || !control) return UniqueFd();
  const std::string line = fmt::format("{} {}", event.get(), control.get());
  if (!WriteControl(memory->path + "/cgroup.event_control", line).ok()) return UniqueFd();
  return event;
}

}  // namespace hodei::exec
