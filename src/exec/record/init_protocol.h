// What the supervisor and the first process of a sandbox say to each other over a SEQPACKET socket
// (kInitSocketFd), one byte of kind and a text:
//   init → supervisor   'R' ready: the sandbox stands and the forwarder listens
//   supervisor → init   'G' go (only after the state record is durable)
//   child → supervisor  'P' about to exec; the kernel attaches its host pid
//   child → supervisor  'E' exec failed: the text says why
//   init → supervisor   'X' "code signal": the program ended so
// The launch itself comes in a memory file (kInitLaunchFd): NUL-ended strings work_dir, flags
// ("a": forward the API, "n": limit processes and memory by rlimit, none: "-"), pids, memory bytes,
// then lists, each as the number of its members and the members: private names, name servers,
// arguments; then variables "NAME=value".
#pragma once

#include <string>
#include <vector>

#include "exec/executor.h"

namespace hodei::exec {

inline constexpr int kInitSocketFd = 3;
inline constexpr int kInitLaunchFd = 4;
inline constexpr int kBwrapArgsFd = 5;
inline constexpr int kSeccompFd = 6;

inline std::string SerializeLaunch(const ReplicaSpec& spec, bool rlimits,
                                   const std::vector<std::string>& name_servers) {
  std::string out;
  const auto add = [&out](const std::string& text) {
    out += text;
    out += '\0';
  };
  add(spec.work_dir);
  add(std::string(spec.api_socket_dir.empty() ? "" : "a") + (rlimits ? "n" : "") + "-");
  add(std::to_string(spec.resources.pids));
  add(std::to_string(spec.resources.memory_bytes));
  for (const auto* list : {&spec.private_names, &name_servers, &spec.argv}) {
    add(std::to_string(list->size()));
    for (const std::string& member : *list) add(member);
  }
  for (const auto& [name, value] : spec.env) add(name + "=" + value);
  return out;
}

}  // namespace hodei::exec
