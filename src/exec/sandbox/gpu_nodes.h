// GPUs as the kernel shows them: device nodes in /dev. A GPU is named by its number.
#pragma once

#include <string>
#include <vector>

namespace hodei::exec {

inline constexpr char kDeviceFolder[] = "/dev";

// Numbers of the GPUs of this machine, in order: nodes "nvidiaN" of `folder`.
std::vector<std::string> ListGpus(const std::string& folder = kDeviceFolder);
// Device nodes that a replica with these GPUs is shown: their own and those that the driver needs
// beside any. What does not exist, or is no character device, is left out; no GPU, no node.
std::vector<std::string> GpuNodes(const std::vector<std::string>& gpus,
                                  const std::string& folder = kDeviceFolder);
// cgroup v1 device rules: the harmless nodes and those of GpuNodes().
std::vector<std::string> DeviceRules(const std::vector<std::string>& gpus,
                                     const std::string& folder = kDeviceFolder);

}  // namespace hodei::exec
