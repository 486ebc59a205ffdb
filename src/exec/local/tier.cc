#include "exec/local/tier.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>

#include "exec/sandbox/gpu_nodes.h"
#include "exec/sandbox/network.h"
#include "exec/sandbox/run_program.h"
#include "sys/file.h"

namespace hodei::exec {
namespace {

// Tries the sandbox itself, as the user it will run as. Empty when it works.
std::string SandboxProblem(bool root, const std::string& bwrap_path) {
  std::vector<std::string> argv;
  if (root) {
    argv = {"/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
            "--no-new-privs"};
  }
  argv.insert(argv.end(),
              {bwrap_path, "--unshare-user", "--unshare-pid", "--unshare-net", "--disable-userns",
               "--ro-bind", "/", "/", "--proc", "/proc", "/usr/bin/true"});
  const auto tried = RunProgram(argv);
  return tried.ok() ? "" : tried.status().message();
}

int64_t Processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return CPU_COUNT(&set);
}

int64_t MemoryBytes(const CgroupLayout& cgroups) {
  const int64_t physical = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  int64_t limit = physical;
  for (const CgroupDirectory& parent : cgroups.parents) {
    if (parent.controller != "memory" && parent.controller != "unified") continue;
    const std::string own = parent.path.substr(0, parent.path.rfind('/'));
    for (const char* file : {"/memory.limit_in_bytes", "/memory.max"}) {
      const auto text = ReadFile(own + file, 64);
      if (!text.ok() || !std::isdigit(static_cast<unsigned char>(text->front()))) continue;
      limit = std::min<int64_t>(limit, std::strtoll(text->c_str(), nullptr, 10));
    }
  }
  return limit;
}

void Summarise(Tier* tier) {
  Capabilities& able = tier->capabilities;
  const bool groups = tier->cgroups.kind != CgroupKind::kNone;
  const bool v2 = tier->cgroups.kind == CgroupKind::kV2;
  if (tier->root && groups) {
    able.tier = v2 ? "B" : "A";
    able.tier_summary = fmt::format("root + cgroup {}: full isolation, one host user per job",
                                    v2                                          ? "v2"
                                    : tier->cgroups.kind == CgroupKind::kHybrid ? "hybrid"
                                                                                : "v1");
  } else if (groups) {
    able.tier = "C";
    able.tier_summary =
        "not root, delegated control group: jobs share the server's user; one tenant only";
  } else {
    able.tier = "D";
    able.tier_summary = "no control groups: no hard limits, one tenant only";
  }
  if (!tier->root) {
    able.warnings.emplace_back(
        "not root: no disk limit, no network between replicas, no internet and no /gcs in jobs");
  }
  if (!groups) able.warnings.emplace_back("memory and processes are limited by rlimit only");
  for (const std::string& controller : tier->cgroups.problems) {
    if (tier->cgroups.kind == CgroupKind::kV2 || controller != "devices") {
      able.warnings.push_back(
          fmt::format("cgroup controller '{}' is missing: not limited", controller));
    }
  }
}

}  // namespace

Tier DetectTier(const std::string& data_dir, const std::string& bwrap_path,
                const std::string& cgroup_name) {
  Tier tier;
  tier.root = geteuid() == 0;
  Capabilities& able = tier.capabilities;
  const std::string problem = SandboxProblem(tier.root, bwrap_path);
  if (!problem.empty()) {
    able.tier = "E";
    able.tier_summary = "sandboxes do not work here: " + problem;
    return tier;
  }
  const auto mounts = ReadFile("/proc/self/mountinfo", 4 << 20);
  const auto own = ReadFile("/proc/self/cgroup", 1 << 20);
  if (mounts.ok() && own.ok()) tier.cgroups = DetectCgroups(*mounts, *own, cgroup_name);
  // Without root a v1 tree cannot be ours, and half of the limits would be worse than none told.
  if (!tier.root && tier.cgroups.kind != CgroupKind::kV2) tier.cgroups = {};
  Summarise(&tier);
  able.cpu_millis = Processors() * 1000;
  able.memory_bytes = MemoryBytes(tier.cgroups);
  struct statvfs space {};
  if (statvfs(data_dir.c_str(), &space) == 0) {
    able.scratch_bytes = static_cast<int64_t>(space.f_bavail * space.f_frsize);
  }
  able.gpus = ListGpus();
  if (tier.root) {
    const std::string missing = EgressProblem();
    able.network_groups = access("/usr/sbin/ip", X_OK) == 0;
    able.internet = missing.empty();
    able.bucket_files = access("/dev/fuse", R_OK | W_OK) == 0;
    if (!able.bucket_files) able.warnings.emplace_back("no /gcs in jobs: /dev/fuse is missing");
    if (!missing.empty()) able.warnings.push_back("no internet in jobs: " + missing);
  }
  return tier;
}

}  // namespace hodei::exec
