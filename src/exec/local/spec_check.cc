#include "exec/local/spec_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "exec/record/replica_records.h"
#include "exec/sandbox/network.h"

namespace hodei::exec {
namespace {

constexpr size_t kMaxHostName = 253;
constexpr char kHostNameLetters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";

bool HoldsNul(const std::string& text) { return text.find('\0') != std::string::npos; }

// What is wrong, or nothing.
std::string_view LaunchProblem(const ReplicaSpec& spec) {
  if (spec.argv.empty() || !IsPlainPath(spec.argv[0])) return "argv[0] is no absolute path";
  if (spec.argv.size() > kMaxArguments) return "too many arguments";
  size_t bytes = 0;
  for (const std::string& arg : spec.argv) {
    if (HoldsNul(arg)) return "an argument holds a NUL";
    bytes += arg.size() + 1;
  }
  for (const auto& [name, value] : spec.env) {
    if (name.empty() || name.find('=') != std::string::npos || HoldsNul(name) || HoldsNul(value)) {
      return "bad environment variable";
    }
    bytes += name.size() + value.size() + 2;
  }
  if (bytes > kMaxLaunchBytes) return "arguments and environment are too large";
  if (!IsPlainPath(spec.work_dir) || !IsPlainPath(spec.log_dir)) return "bad folder";
  for (const Mount& mount : spec.mounts) {
    if (!IsPlainPath(mount.host_path) || !IsPlainPath(mount.inside_path)) return "bad mount";
  }
  return "";
}

std::string_view LimitProblem(const Resources& want) {
  if (want.cpu_millis <= 0 || want.memory_bytes <= 0 || want.scratch_bytes <= 0 || want.pids <= 0) {
    return "every resource must be positive";
  }
  return "";
}

std::string_view NetworkProblem(const Network& network) {
  const std::vector<std::string>& names = network.group_host_names;
  if (names.size() > kMaxGroupSize) return "too many replicas in the group";
  for (const std::string& name : names) {
    if (name.empty() || name.size() > kMaxHostName ||
        name.find_first_not_of(kHostNameLetters) != std::string::npos) {
      return "bad host name";
    }
  }
  if (!network.group.empty() &&
      std::find(names.begin(), names.end(), network.host_name) == names.end()) {
    return "host_name is not among group_host_names";
  }
  return "";
}

}  // namespace

bool IsPlainPath(const std::string& path) {
  return path.starts_with('/') && !HoldsNul(path) && (path + "/").find("/../") == std::string::npos;
}

Status CheckSpec(const ReplicaSpec& spec) {
  if (!IsReplicaId(spec.id)) return InvalidArgument("replica id must be [a-z0-9-]{1,100}");
  for (const std::string_view problem :
       {LaunchProblem(spec), LimitProblem(spec.resources), NetworkProblem(spec.network)}) {
    if (!problem.empty()) return InvalidArgument(fmt::format("replica '{}': {}", spec.id, problem));
  }
  return OkStatus();
}

}  // namespace hodei::exec
