#include "exec/sandbox/gpu_nodes.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "sys/file.h"

namespace hodei::exec {
namespace {

constexpr std::string_view kGpuPrefix = "nvidia";
// Every program that uses a GPU opens these as well.
constexpr const char* kDriverNodes[] = {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools",
                                        "nvidia-modeset"};

// lstat: a link in /dev could name any device of the machine.
std::optional<dev_t> CharacterDevice(const std::string& path) {
  struct stat st {};
  if (lstat(path.c_str(), &st) != 0 || !S_ISCHR(st.st_mode)) return std::nullopt;
  return st.st_rdev;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

std::vector<std::string> ListGpus(const std::string& folder) {
  std::vector<std::string> gpus;
  const auto names = ListDirectory(folder);
  if (!names.ok()) return gpus;
  for (const std::string& name : *names) {
    if (!name.starts_with(kGpuPrefix)) continue;
    const std::string number = name.substr(kGpuPrefix.size());
    if (IsNumber(number) && CharacterDevice(folder + "/" + name)) gpus.push_back(number);
  }
  // Numbers in their order: "10" comes after "9".
  std::sort(gpus.begin(), gpus.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;
  });
  return gpus;
}

std::vector<std::string> GpuNodes(const std::vector<std::string>& gpus, const std::string& folder) {
  std::vector<std::string> nodes;
  for (const std::string& gpu : gpus) {
    if (IsNumber(gpu)) nodes.push_back(fmt::format("{}/{}{}", folder, kGpuPrefix, gpu));
  }
  if (nodes.empty()) return nodes;
  for (const char* name : kDriverNodes) nodes.push_back(folder + "/" + name);
  std::erase_if(nodes, [](const std::string& node) { return !CharacterDevice(node); });
  return nodes;
}

std::vector<std::string> DeviceRules(const std::vector<std::string>& gpus,
                                     const std::string& folder) {
  // null, zero, full, random, urandom, tty, ptmx and the terminals of devpts.
  std::vector<std::string> rules = {"c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                                    "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};
  for (const std::string& node : GpuNodes(gpus, folder)) {
    const auto device = CharacterDevice(node);
    if (!device) continue;
    rules.push_back(fmt::format("c {}:{} rwm", major(*device), minor(*device)));
  }
  return rules;
}

}  // namespace hodei::exec
